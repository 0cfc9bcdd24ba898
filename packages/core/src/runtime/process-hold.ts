// Keeps the process alive while somebody waits for the mesh. A Clock's timers never do, and a program whose only business
// is a call that waits for its configuration must not end before the answer.

/** A count of reasons to stay; at zero the process may end. */
export class ProcessHold {
  #count = 0
  #handle: NodeJS.Timeout | null = null

  acquire(): void {
    if (this.#count++ === 0) this.#handle = setInterval(() => {}, LONGEST_DELAY_MS)
  }

  release(): void {
    if (--this.#count > 0 || this.#handle === null) return
    clearInterval(this.#handle)
    this.#handle = null
  }
}

const LONGEST_DELAY_MS = 2 ** 31 - 1
