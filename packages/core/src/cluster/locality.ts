// A locality of a cluster: the endpoints of one region, zone and sub-zone at one priority (config.endpoint.v3.LocalityLbEndpoints).
import type { EndpointColumns, LocalityEndpoints } from '../resources/endpoint.ts'
import type { Endpoint } from './endpoint.ts'

/** Where endpoints are, and which. Replaced when EDS changes it. */
export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
  readonly priority: number
  /** load_balancing_weight; 0 when unset. Read by locality-weighted balancing only. */
  readonly weight: number
  /** In EDS order; an endpoint that was named before in the same update is left out. */
  readonly endpoints: readonly Endpoint[]
  /** The columns it was made from. */
  readonly columns: EndpointColumns
}

/** `region/zone/subZone`, trailing empty parts left out: the locality label of Istio. */
export function localityName(locality: Pick<LocalityEndpoints, 'region' | 'zone' | 'subZone'>): string {
  const { region, zone, subZone } = locality
  if (subZone !== '') return `${region}/${zone}/${subZone}`
  return zone !== '' ? `${region}/${zone}` : region
}
