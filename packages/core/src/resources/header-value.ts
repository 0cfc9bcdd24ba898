// Values of header additions in Envoy's format: text in which `%%` stands for `%`. Command operators (`%REQ(x)%`) are not
// carried out yet: they stay as they are written, and decoders say so.

/** What becomes of a value that is to be formatted. */
export function literalValue(format: string): string {
  return format.includes('%%') ? format.replaceAll('%%', '%') : format
}

/** Command operators in a value, such as `%DOWNSTREAM_REMOTE_ADDRESS%`; null when its percent signs do not pair. */
export function commandOperators(format: string): readonly string[] | null {
  const operators: string[] = []
  for (let at = format.indexOf('%'); at >= 0; at = format.indexOf('%', at)) {
    if (format[at + 1] === '%') {
      at += 2
      continue
    }
    const end = closingPercent(format, at + 1)
    if (end < 0) return null
    operators.push(format.slice(at, end + 1))
    at = end + 1
  }
  return operators
}

// A percent sign within parentheses belongs to the operator's arguments.
function closingPercent(format: string, from: number): number {
  let depth = 0
  for (let i = from; i < format.length; i++) {
    if (format[i] === '(') depth++
    else if (format[i] === ')') depth--
    else if (format[i] === '%' && depth <= 0) return i
  }
  return -1
}
