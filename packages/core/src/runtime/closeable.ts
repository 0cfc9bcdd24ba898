// Things that hold resources until they are told to let go.

/** Something that can be closed; closing twice does nothing the second time. */
export interface Closeable {
  close(): void | Promise<void>
}

/** A registration that can be taken back; cancelling twice does nothing the second time. */
export interface Subscription {
  cancel(): void
}
