// A program that does nothing; it prints the milliseconds since Node was ready and its processor time.
const ms = performance.now() - performance.nodeTiming.bootstrapComplete
const { user, system } = process.cpuUsage()
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, privateMiB: 0 }))
