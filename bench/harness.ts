import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '#kernel/config.ts'
import type { Kernel } from '#kernel/context.ts'
import { createVault } from '#kernel/crypto/vault.ts'
import { type EmbeddedServer, startEmbedded } from '#kernel/db/embedded.ts'
import { connect } from '#kernel/db/index.ts'
import { migrate } from '#kernel/db/migrate.ts'
import { migrationFolders } from '#kernel/db/testing.ts'
import { createLive } from '#kernel/live.ts'
import { silentLog } from '#kernel/log.ts'
import { createMetrics } from '#kernel/metrics.ts'
import { systemRandom } from '#kernel/random.ts'
import { systemClock } from '#kernel/time.ts'

export interface Bench {
  readonly kernel: Kernel
  readonly server: EmbeddedServer
  stop(): Promise<void>
}

/** A server of its own with the product's settings and fsync on, migrated and empty. */
export async function startBench(poolMax = 40): Promise<Bench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'yimen-bench-'))
  chmodSync(dataDir, 0o755)
  const server = await startEmbedded({ dataDir })
  await migrate(server.connections.migrator, await migrationFolders())
  const db = connect(server.connections.app, { max: poolMax, name: 'yimen bench' })
  const kernel: Kernel = {
    db,
    clock: systemClock,
    random: systemRandom(),
    config: readConfig({ YIMEN_DATA: dataDir }),
    log: silentLog(),
    metrics: createMetrics(false),
    live: createLive(),
    vault: createVault([Buffer.alloc(32, 1)]),
  }
  return {
    kernel,
    server,
    async stop() {
      await db.close()
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const mid = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[mid]! : (sorted[mid - 1]! + sorted[mid]!) / 2
}

export const range = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)]

/** `clients` workers call `act` until `ms` have passed; acts per second. */
export async function rate(clients: number, ms: number, act: (client: number) => Promise<unknown>): Promise<number> {
  const began = performance.now()
  const until = began + ms
  let done = 0
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() < until) {
        await act(client)
        done++
      }
    }),
  )
  return (done * 1000) / (performance.now() - began)
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits))
