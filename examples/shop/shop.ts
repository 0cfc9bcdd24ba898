// The shop: which services there are, and how a machine starts them. Used by the demo and by tests.
import { join } from 'node:path'
import { Machine, type MachineOptions, type ServiceProcess, waitFor } from './machine.ts'

/** A running shop. */
export interface Shop {
  readonly machine: Machine
  readonly services: readonly ServiceProcess[]
  /** URL of the frontend. */
  readonly frontend: string
}

interface ShopService {
  readonly name: string
  readonly group: string
  readonly file: string
  readonly labels: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

const SERVICES: readonly ShopService[] = [
  {
    name: 'reviews-v1',
    group: 'reviews-v1',
    file: 'reviews.ts',
    labels: { app: 'reviews', version: 'v1' },
    env: { VERSION: 'v1' },
  },
  {
    name: 'reviews-v2',
    group: 'reviews-v2',
    file: 'reviews.ts',
    labels: { app: 'reviews', version: 'v2' },
    env: { VERSION: 'v2' },
  },
  {
    name: 'payments-api-v1',
    group: 'payments-api-v1',
    file: 'payments-api.ts',
    labels: { app: 'payments-api', version: 'v1' },
    env: { VERSION: 'v1' },
  },
  {
    name: 'payments-api-v2',
    group: 'payments-api-v2',
    file: 'payments-api.ts',
    labels: { app: 'payments-api', version: 'v2' },
    env: { VERSION: 'v2' },
  },
  { name: 'backend-1', group: 'backend', file: 'backend.ts', labels: { app: 'backend', version: 'v1' } },
  {
    name: 'backend-2',
    group: 'backend',
    file: 'backend.ts',
    labels: { app: 'backend', version: 'v1' },
    env: { BROKEN: '1' },
  },
  { name: 'frontend', group: 'frontend', file: 'frontend.ts', labels: { app: 'frontend', version: 'v1' } },
]

/** Starts the agent and the services; resolves when the frontend reaches every other service. */
export async function startShop(options: MachineOptions): Promise<Shop> {
  const machine = new Machine(options)
  try {
    await machine.startAgent()
    const services = await Promise.all(
      SERVICES.map(({ file, ...service }) =>
        machine.startService({ ...service, namespace: 'shop', file: join(import.meta.dirname, 'services', file) }),
      ),
    )
    const frontend = services.at(-1) as ServiceProcess
    const url = `http://${frontend.address}:8000`
    for (const path of ['/reviews/0', '/api/payments', '/backend']) await waitFor(`${url}${path}`, frontend.child)
    return { machine, services, frontend: url }
  } catch (error) {
    await machine.stop()
    throw error
  }
}
