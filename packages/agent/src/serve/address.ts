// Addresses that the agent listens on: `unix:///path` or `host:port`, as contract and INMESH_XDS write them.
import { connect } from 'node:net'
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { MeshError } from '@inmesh/core'

/** A parsed address. */
export type ServeAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** Parses `unix:///path` or `host:port` (IPv6 in brackets; port 0 lets the system choose). Throws MESH_OPTION_INVALID. */
export function parseAddress(text: string, option: string): ServeAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path.startsWith('/')) return { kind: 'unix', path }
  } else {
    const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(text)
    const port = Number(match?.[2])
    if (match !== null && port <= 65_535)
      return { kind: 'tcp', host: (match[1] as string).replace(/^\[|\]$/g, ''), port }
  }
  throw new MeshError('MESH_OPTION_INVALID', `${option} ${JSON.stringify(text)} is not an address`, {
    hint: 'Write unix:///path/to/socket or host:port.',
  })
}

/** The address in the form of INMESH_XDS. */
export function formatAddress(address: ServeAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/**
 * Makes a socket path free to listen on: creates its folder, and removes a socket that a killed process left behind.
 * Throws MESH_OPTION_INVALID when a live process answers there or the path is no socket.
 */
export async function claimSocketPath(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isSocket()) {
    throw new MeshError('MESH_OPTION_INVALID', `${path} exists and is not a socket`, {
      hint: 'Remove it or give another --xds.',
    })
  }
  if (await answers(path)) {
    throw new MeshError('MESH_OPTION_INVALID', `another process listens on ${path}`, {
      hint: 'Stop it (is an agent already running?) or give another --xds.',
    })
  }
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
