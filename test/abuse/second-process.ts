import { createHttp } from '#app/http.ts'
import { runImport } from '#app/import-cli.ts'
import { readConfig } from '#kernel/config.ts'
import type { Kernel } from '#kernel/context.ts'
import { createVault } from '#kernel/crypto/vault.ts'
import { connect } from '#kernel/db/index.ts'
import { createLive } from '#kernel/live.ts'
import { silentLog } from '#kernel/log.ts'
import { createMetrics } from '#kernel/metrics.ts'
import { systemRandom } from '#kernel/random.ts'
import { systemClock } from '#kernel/time.ts'

// A second process on the database of a test: another node that serves, or the command that imports bills.
const [mode, connection = ''] = process.argv.slice(2)
const kernel: Kernel = {
  db: connect(connection, { max: 4 }),
  clock: systemClock,
  random: systemRandom(),
  config: readConfig({}),
  log: silentLog(),
  metrics: createMetrics(false),
  live: createLive(20),
  vault: createVault([Buffer.alloc(32, 7)]),
}
const say = (answer: object) => process.send!(answer)

if (mode === 'serve') {
  const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '-', en: '-' }, phone: '-', address: '-' } })
  say({ url: await server.listen({ port: 0, host: '127.0.0.1' }) })
  process.once('disconnect', () => process.exit(0))
} else {
  process.on('message', async (argv: string[]) => {
    global.gc?.()
    const [rss, peak, began] = [process.memoryUsage.rss(), process.resourceUsage().maxRSS, performance.now()]
    const code = await runImport(kernel, 1, argv)
    const took_ms = performance.now() - began
    const now = process.resourceUsage().maxRSS
    // The system keeps one high-water mark: without a new one the act stayed below that of an act before it.
    say({ code, took_ms, grew_bytes: now > peak ? now * 1024 - rss : 0 })
  })
  process.once('disconnect', () => process.exit(0))
  say({ ready: true })
}
