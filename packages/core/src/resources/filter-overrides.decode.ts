// typed_per_filter_config of a route, virtual host, weighted cluster or route configuration: by filter name, as bytes. An
// `envoy.config.route.v3.FilterConfig` around the real configuration is taken off.
import { FilterConfigSchema, fromBinary } from '../gen/messages.js'
import type { Any } from '@bufbuild/protobuf/wkt'
import { typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import type { HttpFilterConfig } from './listener.ts'
import type { FilterOverrides } from './route-configuration.ts'

/** The overrides of one level. */
export function decodeOverrides(
  overrides: Readonly<Record<string, Any>>,
  path: string,
  findings: Findings,
): FilterOverrides {
  let map: Map<string, HttpFilterConfig> | null = null
  for (const name in overrides) {
    map ??= new Map()
    map.set(name, decodeOverride(name, overrides[name] as Any, `${path}["${name}"]`, findings))
  }
  return map ?? NONE
}

function decodeOverride(name: string, any: Any, path: string, findings: Findings): HttpFilterConfig {
  if (typeName(any) !== FilterConfigSchema.typeName)
    return { name, typeUrl: typeName(any), value: any.value, isOptional: false, disabled: false }
  const { config, isOptional, disabled } = fromBinary(FilterConfigSchema, any.value)
  if (config === undefined && !disabled) findings.error(path, 'has neither config nor disabled')
  return {
    name,
    typeUrl: config === undefined ? '' : typeName(config),
    value: config?.value ?? NO_BYTES,
    isOptional,
    disabled,
  }
}

const NONE: FilterOverrides = new Map()
const NO_BYTES = new Uint8Array()
