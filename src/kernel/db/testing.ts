import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { readConfig } from '../config.ts'
import type { Actor, Ctx, Kernel } from '../context.ts'
import { createVault } from '../crypto/vault.ts'
import { newId } from '../id.ts'
import { createLive } from '../live.ts'
import { silentLog } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import { type Random, systemRandom } from '../random.ts'
import { type Clock, systemClock } from '../time.ts'
import { type EmbeddedServer, startEmbedded } from './embedded.ts'
import { connect } from './index.ts'
import { listMigrations, type MigrationFolder, migrate, moduleFolders } from './migrate.ts'
import { type Connections, ensureDatabase } from './roles.ts'

/** What the global set-up hands to each test process. */
interface Shared {
  readonly owner: string
  readonly app: string
  readonly migrator: string
  readonly sequencer: string
  readonly template: string
}

const withDatabase = (url: string, name: string): string => {
  const to = new URL(url)
  to.pathname = `/${name}`
  return to.href
}

async function asOwner<T>(owner: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: owner })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Starts a throw-away server (fsync off) with one migrated template database. */
export async function startTestServer(folders: readonly MigrationFolder[]): Promise<{ shared: Shared; stop(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'yimen-test-'))
  let server: EmbeddedServer | undefined
  try {
    const { chmodSync } = await import('node:fs')
    chmodSync(dataDir, 0o755)
    server = await startEmbedded({ dataDir, fsync: false, settings: { max_connections: '300', synchronous_commit: 'off' } })
    const hash = createHash('sha256')
      .update(
        listMigrations(folders)
          .map(m => m.checksum)
          .join(),
      )
      .digest('hex')
    const template = `template_${hash.slice(0, 8)}`
    await asOwner(server.owner, client => ensureDatabase(client, template))
    await migrate(withDatabase(server.connections.migrator, template), folders)
    const { app, migrator, sequencer } = server.connections
    const started = server
    return {
      shared: { owner: server.owner, app, migrator, sequencer, template },
      stop: async () => {
        await started.stop()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await server?.stop()
    rmSync(dataDir, { recursive: true, force: true })
    throw error
  }
}

export interface TestKernel extends Kernel {
  readonly connections: Connections
  readonly owner: string
}

/** Every module's migrations, in rank order. */
export async function migrationFolders(): Promise<MigrationFolder[]> {
  const { moduleNames } = await import('../../app/module-names.ts')
  return moduleFolders(moduleNames)
}

let cloned = 0

/** A clone of the template database of its own for `work`; a real server, real roles. */
export async function withTestDb<T>(
  work: (kernel: TestKernel) => Promise<T>,
  options: { clock?: Clock; random?: Random; max?: number } = {},
): Promise<T> {
  const given = process.env.YIMEN_TEST_SERVER
  const own = given ? undefined : await startTestServer(await migrationFolders())
  const shared = given ? (JSON.parse(given) as Shared) : own!.shared
  const name = `t_${process.pid}_${cloned++}`
  await asOwner(shared.owner, client => ensureDatabase(client, name, shared.template))
  const connections = {
    migrator: withDatabase(shared.migrator, name),
    app: withDatabase(shared.app, name),
    sequencer: withDatabase(shared.sequencer, name),
  }
  const db = connect(connections.app, { max: options.max ?? 10 })
  const kernel: TestKernel = {
    db,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom(),
    config: readConfig({}),
    log: silentLog(),
    metrics: createMetrics(false),
    live: createLive(20),
    vault: createVault([Buffer.alloc(32, 7)]),
    connections,
    owner: withDatabase(shared.owner, name),
  }
  try {
    return await work(kernel)
  } finally {
    await db.close()
    await asOwner(shared.owner, client => client.query(`drop database if exists ${name} with (force)`)).catch(() => undefined)
    await own?.stop()
  }
}

/** One statement of a test as the application within a tenant, where row security shows it something. */
export const queryIn = (kernel: Pick<Kernel, 'db'>, text: string, values: unknown[] = [], tenantId = 1): Promise<pg.QueryResult> =>
  kernel.db.tx(tenantId, tx => tx.client.query(text, values))

/** A caller for tests; every permission named is granted and no other. */
export function testCtx(kernel: Kernel, actor: Partial<Actor> & { permissions?: ReadonlySet<string> } = {}, tenantId = 1): Ctx {
  return {
    kernel,
    tenantId,
    actor: { kind: 'staff', id: 'test', permissions: new Set(), ...actor },
    requestId: newId(kernel.clock, kernel.random),
    lang: 'zh-CN',
  }
}
