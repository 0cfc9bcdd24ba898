// What an object names and the configuration does not have: hosts, ports and subsets of routes. They are warnings: the
// configuration may be on its way, and until then requests get 503.
import { fieldName } from '../ingest/config-object.ts'
import type { ConfigObject, Problem } from '../ingest/config-store.ts'
import { ConfigIndex } from './config-index.ts'
import { fullHostName } from './host-name.ts'
import type { Destination } from './http-route.ts'
import type { FieldPath } from './kind.ts'
import { portOf, type MeshService } from './mesh-service.ts'
import { appliesToMesh, type VirtualService } from './virtual-service.ts'

/** A warning for each route destination that leads nowhere. */
export function findDanglingReferences(objects: readonly ConfigObject[]): readonly Problem[] {
  const virtualServices = objects.filter((object) => object.kind === 'VirtualService') as ConfigObject<VirtualService>[]
  if (virtualServices.length === 0) return []
  const index = new ConfigIndex(objects)
  const problems: Problem[] = []
  for (const object of virtualServices) {
    if (!appliesToMesh(object.spec)) continue
    object.spec.http.forEach((route, i) => {
      route.route.forEach(({ destination }, j) => {
        const found = check(destination, object.namespace, index)
        if (found === null) return
        const path = ['spec', 'http', i, 'route', j, 'destination', found.field]
        problems.push(problem(object, path, found.message))
      })
    })
  }
  return problems
}

interface Finding {
  readonly field: string
  readonly message: string
}

function check(destination: Destination, namespace: string, index: ConfigIndex): Finding | null {
  const host = fullHostName(destination.host, namespace)
  const [services] = index.services.lists(host)
  const service: MeshService | undefined = services?.[0]
  if (service === undefined) {
    const message = `no Service or ServiceEntry has the host ${host}: its requests get 503 until there is one`
    return { field: 'host', message }
  }
  if (destination.port !== null && portOf(service, destination.port) === null) {
    return { field: 'port', message: `${host} has no port ${destination.port}: its requests get 503` }
  }
  if (destination.subset === '') return null
  if (hasSubset(index, host, destination.subset)) return null
  const message = `no DestinationRule for ${host} has the subset "${destination.subset}": its requests get 503 until one has`
  return { field: 'subset', message }
}

function hasSubset(index: ConfigIndex, host: string, subset: string): boolean {
  for (const rules of index.destinationRules.values()) {
    for (const list of rules.lists(host)) {
      if (list.some(({ spec }) => spec.subsets.some(({ name }) => name === subset))) return true
    }
  }
  return false
}

function problem(object: ConfigObject, path: FieldPath, message: string): Problem {
  const { source, kind, namespace, name } = object
  return {
    severity: 'warning',
    file: source.file,
    line: source.line(path),
    object: `${kind} ${namespace}/${name}`,
    field: fieldName(path),
    message,
  }
}
