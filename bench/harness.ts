import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
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
  const server = await startEmbedded({ dataDir, settings: { max_connections: '250' } })
  await migrate(server.connections.migrator, await migrationFolders())
  // However the run ends, its server does not stay behind.
  process.on('exit', () => {
    try {
      process.kill(server.pid(), 'SIGQUIT')
    } catch {
      // It has ended already.
    }
    rmSync(dataDir, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
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

/** What has been spent so far, to be taken before and after: log written, CPU of the server's live processes and of this one. */
export async function meter(admin: pg.Client): Promise<{ walBytes: number; serverCpu_us: number; clientCpu_us: number }> {
  const { rows } = await admin.query<{ wal: string; pids: number[] }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as wal, array_agg(pid) as pids from pg_stat_activity`,
  )
  const nanoseconds = (pid: number): number => {
    try {
      return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // Not Linux, or the process has ended: its share is not known.
      return Number.NaN
    }
  }
  const own = process.cpuUsage()
  return {
    walBytes: Number(rows[0]!.wal),
    serverCpu_us: rows[0]!.pids.reduce((sum, pid) => sum + nanoseconds(pid), 0) / 1000,
    clientCpu_us: own.user + own.system,
  }
}

/** Calls `act` so many times a second whatever the answers do; waits count from the moment each call was due, in ms. */
export async function openLoop(
  perSecond: number,
  ms: number,
  act: () => Promise<unknown>,
): Promise<{ p50: number; p99: number; p999: number }> {
  const waits: number[] = []
  const flying: Promise<unknown>[] = []
  const began = performance.now()
  const count = Math.floor((perSecond * ms) / 1000)
  while (flying.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - began) * perSecond) / 1000))
    while (flying.length < due) {
      const scheduled = began + (flying.length * 1000) / perSecond
      flying.push(act().then(() => waits.push(performance.now() - scheduled)))
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(flying)
  waits.sort((a, b) => a - b)
  const at = (share: number) => round(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]!)
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

/**
 * A server that has run for a while writes over old segments of its log; a new one makes each anew, which is no cost of what
 * is measured. This makes as many as it will keep (min_wal_size).
 */
export async function ageLog(admin: pg.Client): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await admin.query(`select pg_logical_emit_message(true, 'bench', '')`)
    await admin.query('select pg_switch_wal()')
  }
  await admin.query('checkpoint')
  await admin.query('checkpoint')
}

const SETTINGS = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'plan_cache_mode']

export async function settingsOf(admin: pg.Client): Promise<string> {
  const { rows } = await admin.query<{ name: string; value: string }>(
    `select name, current_setting(name) as value from unnest($1::text[]) as s(name)`,
    [SETTINGS],
  )
  return rows.map(({ name, value }) => `${name} ${value}`).join(', ')
}
