// @inmesh/agent: the control plane in a program of one's own.
export { startStandalone, STANDALONE_DEFAULTS, type Standalone, type StandaloneOptions } from './roles/standalone.ts'
