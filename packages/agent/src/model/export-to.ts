// exportTo: which namespaces see a service, a VirtualService or a DestinationRule.

/** An object of namespace `owner` is seen from namespace `from`. An empty list is `fallback`. `.` is its own namespace, `~` is none. */
export function isExportedTo(
  exportTo: readonly string[],
  fallback: readonly string[],
  owner: string,
  from: string,
): boolean {
  const list = exportTo.length === 0 ? fallback : exportTo
  for (const target of list) {
    if (target === '*' || target === from) return true
    if (target === '.' && owner === from) return true
  }
  return false
}
