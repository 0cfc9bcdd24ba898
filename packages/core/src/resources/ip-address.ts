// Telling IP addresses from other text: EDS takes only addresses, and there may be 100,000 of them.
import { isIPv6 } from 'node:net'

/** Whether `text` is an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (digits === 0 || ++dots > 3) return false
      octet = 0
      digits = 0
    } else if (code >= 0x30 && code <= 0x39) {
      // No leading zeros: some read those as octal.
      if (digits > 0 && octet === 0) return isIPv6(text)
      octet = octet * 10 + code - 0x30
      if (++digits > 3 || octet > 255) return isIPv6(text)
    } else return isIPv6(text)
  }
  return dots === 3 && digits > 0
}
