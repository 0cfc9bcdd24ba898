// The Listener type with its connection managers looked into: HTTP filters and access-log formats are known to parts that
// the decoder does not know, and what they find wrong is a NACK of the listener like any other reason.
import type { HttpFilterRegistry } from '../filters/registry.ts'
import type { Listener } from '../resources/listener.ts'
import type { Clock } from '../runtime/clock.ts'
import { compileAccessLogFormat } from '../telemetry/access-log.ts'
import type { ResourceType } from '../xds/resource-type.ts'
import { connectionManagers } from './snapshot.ts'

/** `base` with the filters and access logs of each connection manager checked as well. */
export function checkedListenerType(
  base: ResourceType<Listener>,
  registry: HttpFilterRegistry,
  clock: Clock,
): ResourceType<Listener> {
  return {
    ...base,
    decode(bytes, origin) {
      const decoded = base.decode(bytes, origin)
      if (!decoded.ok) return decoded
      const warnings = [...decoded.warnings]
      const errors: string[] = []
      for (const manager of connectionManagers(decoded.resource)) {
        const filters = registry.decodeAll(manager.httpFilters)
        warnings.push(...filters.warnings)
        errors.push(...filters.errors)
        for (const { format } of manager.accessLogs) {
          const compiled = compileAccessLogFormat(format, clock)
          warnings.push(...compiled.warnings)
          errors.push(...compiled.errors)
        }
      }
      return errors.length > 0 ? { ok: false, name: decoded.name, errors } : { ...decoded, warnings }
    },
  }
}
