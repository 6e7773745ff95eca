import { closeSync, openSync, readSync } from 'node:fs'
import { readConfig } from '#kernel/config.ts'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { createVault } from '#kernel/crypto/vault.ts'
import { connect } from '#kernel/db/index.ts'
import { createLive } from '#kernel/live.ts'
import { silentLog } from '#kernel/log.ts'
import { createMetrics } from '#kernel/metrics.ts'
import { systemRandom } from '#kernel/random.ts'
import { systemClock } from '#kernel/time.ts'
import { reconcileStatement, useChannel, wechatChannel } from '#modules/payments/index.ts'
import { makeWechatKeys } from '../sandbox/wechat/keys.ts'
import { TENANT } from './pay-data.ts'

// The comparison alone in a process of its own, so that its memory is measured and not that of the preparations.

export interface Run {
  readonly seconds: number
  readonly rss_mb_max: number
  readonly rss_mb_start: number
  readonly outcome: string
  readonly found: number
}

const CHUNK_BYTES = 2 ** 20

function* piecesOf(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(CHUNK_BYTES)
      const bytes = readSync(fd, piece)
      if (bytes === 0) return
      yield piece.subarray(0, bytes)
    }
  } finally {
    closeSync(fd)
  }
}

const [url = '', path = '', day = ''] = process.argv.slice(2)
const db = connect(url, { max: 2, name: 'yimen bench' })
const kernel: Kernel = {
  db,
  clock: systemClock,
  random: systemRandom(),
  config: readConfig({}),
  log: silentLog(),
  metrics: createMetrics(false),
  live: createLive(),
  vault: createVault([Buffer.alloc(32, 1)]),
}
useChannel(TENANT, wechatChannel({ ...makeWechatKeys(new Date()).merchant, baseUrl: 'http://127.0.0.1:1' }))
await db.pool.query('select 1')
const rss_start = process.memoryUsage.rss()
let rss = rss_start
const sampler = setInterval(() => (rss = Math.max(rss, process.memoryUsage.rss())), 20)
const began = performance.now()
const result = await reconcileStatement(systemCtx(kernel, TENANT, 'bench'), {
  channel: 'wechat',
  day,
  file: { name: 'wechat.csv', pieces: () => piecesOf(path) },
})
const seconds = (performance.now() - began) / 1000
clearInterval(sampler)
if (!result.ok) throw new Error(result.error.code)
const run: Run = {
  seconds,
  rss_mb_max: Math.round(rss / 2 ** 20),
  rss_mb_start: Math.round(rss_start / 2 ** 20),
  outcome: result.value.outcome,
  found: result.value.found,
}
await db.close()
process.stdout.write(`${JSON.stringify(run)}\n`)
process.exit(0)
