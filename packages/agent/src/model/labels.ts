// Labels, and what Istio reads from them: selectors, canonical service, locality.

/** Labels of an object or workload. */
export type Labels = Readonly<Record<string, string>>

/** Every label of `selector` is on the workload with the same value. An empty selector matches everything. */
export function labelsMatch(selector: Labels, labels: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false
  return true
}

/** The canonical service of a workload: `service.istio.io/canonical-name`, else the app's label, else the workload's name. */
export function canonicalName(labels: Labels, workloadName: string): string {
  return labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workloadName
}

/** The canonical revision: `service.istio.io/canonical-revision`, else the version's label, else `latest`. */
export function canonicalRevision(labels: Labels): string {
  return (
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest'
  )
}

/** `region/zone/subzone` from the labels of a pod or workload; '' when they say nothing. */
export function localityOf(labels: Labels): string {
  // A label's value can't hold a slash, so Istio's own label writes dots.
  const whole = labels['topology.istio.io/locality'] ?? labels['istio-locality']
  if (whole !== undefined) return whole.includes('/') ? whole : whole.replaceAll('.', '/')
  const region = labels['topology.kubernetes.io/region']
  if (region === undefined) return ''
  const parts = [region, labels['topology.kubernetes.io/zone'], labels['topology.istio.io/subzone']]
  while (parts.at(-1) === undefined) parts.pop()
  return parts.map((part) => part ?? '').join('/')
}
