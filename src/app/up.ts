import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer as createTcp } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from '#kernel/config.ts'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { loadVault } from '#kernel/crypto/vault.ts'
import { everyDay } from '#kernel/daily.ts'
import { ensureDataDir } from '#kernel/db/data-lock.ts'
import { type DiskGuard, watchDisk } from '#kernel/db/disk-guard.ts'
import { type EmbeddedServer, startEmbedded } from '#kernel/db/embedded.ts'
import { connect } from '#kernel/db/index.ts'
import { migrate } from '#kernel/db/migrate.ts'
import { type Connections, externalConnections } from '#kernel/db/roles.ts'
import { listBreakers } from '#kernel/http/exchange.ts'
import { purgeIdempotency } from '#kernel/http/idempotency.ts'
import { createLive } from '#kernel/live.ts'
import { createLog } from '#kernel/log.ts'
import { createMetrics, type Metrics } from '#kernel/metrics.ts'
import { systemRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { systemClock } from '#kernel/time.ts'
import { createTimers } from '#kernel/timers.ts'
import {
  type BillerApiConfig,
  ensureClient,
  issueReminders,
  listBillers,
  registerDebits,
  registerNews,
  registerReceipts,
  startBillingJobs,
} from '#modules/billing/index.ts'
import { purgeSignIns, startIdentityJobs } from '#modules/identity/index.ts'
import { registerFold } from '#modules/ledger/index.ts'
import { type SmsConfig, smsGateway, startNotifyJobs, useMessenger } from '#modules/notify/index.ts'
import {
  type AlipayConfig,
  alipayChannel,
  type DebitBankConfig,
  debitBank,
  ensureBankAccount,
  ensureMerchant,
  startPaymentJobs,
  useChannel,
  useDebitBank,
  type WechatConfig,
  wechatChannel,
} from '#modules/payments/index.ts'
import { startTaskJobs } from '#modules/tasks/index.ts'
import { ensureSm2Key, ensureTrailKey, loadSm2Signer, loadTrailSigner, runSubscribers } from '#modules/trail/index.ts'
import { type SandboxName, type SandboxProcess, startSandbox } from '../../sandbox/start.ts'
import { examineDaily } from './examine.ts'
import { migrationFolders } from './migrations.ts'
import { type Child, keepRunning } from './supervise.ts'
import { pinnedKeysFile } from './verify.ts'

export const TENANT = 1
const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Opened {
  readonly kernel: Kernel
  readonly connections: Connections
  close(): Promise<void>
}

const RESTART_MS = 1_000

/** The packaged database, started again whenever it ends by itself, as long as we hold the data folder. */
async function keepDatabase(
  config: Config,
  isHolder: boolean,
  log: Logger,
): Promise<{ connections: Connections; home: string; stop(): Promise<void> }> {
  let isStopping = false
  let isRestarting = false
  const start = (): Promise<EmbeddedServer> =>
    startEmbedded({ dataDir: config.dataDir, isHolder, ...(isHolder && { onExit: () => void again() }) })
  let server = await start()
  async function again(): Promise<void> {
    // A start that fails ends a server too: only one of us tries again.
    if (isRestarting) return
    isRestarting = true
    while (!isStopping) {
      log.error('PostgreSQL ended by itself and is started again')
      try {
        server = await start()
        isRestarting = false
        return
      } catch (error) {
        log.error({ err: error }, 'PostgreSQL cannot be started yet')
        await new Promise(resolve => setTimeout(resolve, RESTART_MS))
      }
    }
  }
  return {
    connections: server.connections,
    home: server.home,
    stop: () => {
      isStopping = true
      return server.stop()
    },
  }
}

/** Only whoever serves watches the disk: a command beside it writes little and is refused by the server itself. */
function guardDisk(home: string, metrics: Metrics, log: Logger): DiskGuard {
  const guard = watchDisk(home, join(home, 'reserve'), (isFull, free_bytes) =>
    isFull
      ? log.error({ free_bytes }, 'no room left on the disk of the database: writing is refused until there is')
      : log.warn({ free_bytes }, 'room on the disk of the database again: writing goes on'),
  )
  metrics.gauge('yimen_disk_free_bytes', 'Room left on the disk of the database', [], gauge => gauge.set(guard.free_bytes()))
  metrics.gauge('yimen_writes_refused', '1 while writing is refused for want of room', [], gauge => gauge.set(guard.isFull() ? 1 : 0))
  return guard
}

/**
 * Database, keys and kernel, without anything that serves: what every command needs. A command beside a running product
 * visits its database; `isHolder` is for the one that holds the data folder.
 */
export async function openKernel(config: Config, options: { isHolder?: boolean } = {}): Promise<Opened> {
  ensureDataDir(config.dataDir)
  const log = createLog(config.logLevel)
  const own = config.databaseUrl ? undefined : await keepDatabase(config, options.isHolder ?? false, log)
  const connections = own?.connections ?? (await externalConnections(config.databaseUrl!))
  try {
    await migrate(connections.migrator, migrationFolders())
  } catch (error) {
    await own?.stop()
    throw error
  }
  const metrics = createMetrics()
  const guard = own && options.isHolder ? guardDisk(own.home, metrics, log) : undefined
  const db = connect(connections.app, {
    max: config.poolSize,
    onError: error => log.warn({ err: error }, 'idle database connection lost'),
    ...(guard && { isDiskFull: guard.isFull }),
  })
  metrics.gauge('yimen_neighbour_left_alone', '1 while calls to a host are held back after failures', ['host'], gauge => {
    for (const { host, isOpen } of listBreakers()) gauge.set({ host }, isOpen ? 1 : 0)
  })
  const kernel: Kernel = {
    db,
    clock: systemClock,
    random: systemRandom(),
    config,
    log,
    metrics,
    live: createLive(),
    vault: loadVault(join(config.dataDir, 'keys', 'vault.key')),
  }
  return {
    kernel,
    connections,
    close: async () => {
      guard?.stop()
      await db.close()
      await own?.stop()
    },
  }
}

/** Path of the file of pinned keys: what `yimen verify` trusts. */
export const trailOrigin = (config: Config): string => (config.baseUrl ? new URL(config.baseUrl).host : 'yimen.local')

/** A verifier key without the name it signs under. */
const keyOf = (vkey: string): string => vkey.replace(/^[^+]+\+[0-9a-f]{8}\+/, '')

/** The sequencer runs as a process of its own with its own role and key, and is started again when it ends. */
export function keepSequencer(kernel: Kernel, connections: Connections): { stop(): Promise<void> } {
  const { config } = kernel
  const key = join(config.dataDir, 'keys', 'trail.key')
  ensureTrailKey(key)
  const vkeys = [loadTrailSigner(key, trailOrigin(config)).vkey]
  const sm2Key = config.trailSm2 ? join(config.dataDir, 'keys', 'trail-sm2.key') : undefined
  if (sm2Key) {
    ensureSm2Key(sm2Key)
    vkeys.push(loadSm2Signer(sm2Key, trailOrigin(config)).vkey)
  }
  const pinned = existsSync(pinnedKeysFile(config)) ? readFileSync(pinnedKeysFile(config), 'utf8') : ''
  const missing = vkeys.filter(vkey => !pinned.includes(vkey))
  const isRenamed = missing.some(vkey => pinned.includes(`+${keyOf(vkey)}`))
  // A first file, a second key for the one there is, or our own key under the name of another address; what somebody else
  // put there is theirs.
  if (missing.length > 0 && (pinned === '' || missing.length < vkeys.length || isRenamed)) {
    if (isRenamed)
      kernel.log.warn({ origin: trailOrigin(config) }, 'the record is signed under a new name from now on: hand out keys/trail.vkey anew')
    const gap = pinned === '' || pinned.endsWith('\n') ? '' : '\n'
    appendFileSync(pinnedKeysFile(config), gap + missing.map(vkey => `${vkey}\n`).join(''))
  }
  const start = (): Child => {
    const child = spawn(process.execPath, ['--import', './tools/tsx.mjs', 'src/modules/trail/sequencer-main.ts'], {
      cwd: root,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        DATABASE_URL_SEQUENCER: connections.sequencer,
        YIMEN_TRAIL_KEY: key,
        ...(sm2Key && { YIMEN_TRAIL_SM2_KEY: sm2Key }),
        YIMEN_TRAIL_ORIGIN: trailOrigin(config),
        YIMEN_PARENT: '1',
        YIMEN_LOG: config.logLevel,
      },
    })
    const ended = new Promise<string>(resolve => {
      child.once('error', error => resolve(error.message))
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
    })
    return {
      ended,
      stop: async () => {
        child.kill('SIGTERM')
        await ended
      },
    }
  }
  return keepRunning('sequencer', start(), async () => start(), kernel.log)
}

/** Points the adapters at one stand-in: at its first start and again after each further one, should its address have changed. */
async function useStandIn(kernel: Kernel, name: SandboxName, given: SandboxProcess['config']): Promise<void> {
  const ctx = systemCtx(kernel, TENANT, 'sandbox')
  switch (name) {
    case 'wechat': {
      const config = given as unknown as WechatConfig
      await ensureMerchant(ctx, 'wechat', config.mchid)
      return useChannel(TENANT, wechatChannel(config))
    }
    case 'alipay': {
      const config = given as unknown as AlipayConfig
      await ensureMerchant(ctx, 'alipay', config.sellerId)
      return useChannel(TENANT, alipayChannel(config))
    }
    case 'sms':
      return useMessenger(kernel, 'sms', smsGateway(given as unknown as SmsConfig, kernel.clock))
    case 'bank': {
      const config = given as unknown as DebitBankConfig
      await ensureBankAccount(ctx, config.code, 'bank')
      return useDebitBank(TENANT, debitBank(config, kernel.clock))
    }
    case 'biller': {
      const config = given as unknown as BillerApiConfig
      const { clientId, secret } = config
      const billers = await listBillers(ctx)
      for (const biller of billers) unwrap(await ensureClient(ctx, { ...config, billerId: biller.id, purpose: 'call' }))
      if (billers.some(biller => biller.id === 'telecom'))
        unwrap(await ensureClient(ctx, { clientId, secret, billerId: 'telecom', purpose: 'push' }))
    }
  }
}

/** Stand-ins for the outside world, kept running, and the adapters pointed at them. */
export async function useSandbox(kernel: Kernel): Promise<{ stop(): Promise<void>; urls: Record<SandboxName, string> }> {
  const keysDir = join(kernel.config.dataDir, 'sandbox')
  const names = ['wechat', 'alipay', 'biller', 'sms', 'bank'] as const
  const started = await startSandbox(names, { keysDir })
  for (const name of names) await useStandIn(kernel, name, started[name].config)
  const kept = names.map(name => {
    const again = async () => {
      const process = (await startSandbox([name], { keysDir }))[name]
      await useStandIn(kernel, name, process.config)
      return process
    }
    return keepRunning(`sandbox ${name}`, started[name], again, kernel.log)
  })
  const { wechat, alipay, biller, sms, bank } = started
  return {
    stop: async () => void (await Promise.all(kept.map(one => one.stop()))),
    urls: { wechat: wechat.url, alipay: alipay.url, biller: biller.url, sms: sms.url, bank: bank.url },
  }
}

/**
 * Below the ports systems hand out by themselves (32768 on Linux, 49152 elsewhere), so that no connection takes one before it is
 * listened on; above 10080, the last one browsers refuse.
 */
const FIRST_PORT = 11_000
const PORTS = 21_000
const PORTS_PER_PROCESS = 64
let portsAsked = 0

/** A port that can be listened on: the one wanted, or any. Processes that ask at the same time are answered apart. */
export async function freePort(host: string, wanted = 0): Promise<number> {
  if (wanted) return listenable(host, wanted)
  for (let tries = 0; ; tries++) {
    const port = FIRST_PORT + ((process.pid * PORTS_PER_PROCESS + portsAsked++) % PORTS)
    try {
      return await listenable(host, port)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === PORTS) throw error
    }
  }
}

function listenable(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createTcp()
    probe.once('error', reject)
    probe.listen(port, host, () => probe.close(() => resolve(port)))
  })
}

/** Background work of this process over one tenant. */
export function startWork(kernel: Kernel, tenantId: number): { stop(): Promise<void> } {
  registerFold()
  registerReceipts()
  registerNews()
  registerDebits()
  const timers = createTimers(kernel.log, kernel.metrics)
  timers.every(`trail.subscribers:${tenantId}`, 200, async () => (await runSubscribers(kernel, tenantId)) > 0)
  startPaymentJobs(kernel, timers, tenantId)
  startBillingJobs(kernel, timers, tenantId)
  startNotifyJobs(kernel, timers, tenantId)
  startTaskJobs(kernel, timers, tenantId)
  startIdentityJobs(kernel, timers, tenantId)
  everyDay(kernel, timers, tenantId, 'app.examine', () => examineDaily(kernel, tenantId))
  everyDay(kernel, timers, tenantId, 'billing.reminders', () => issueReminders(kernel, tenantId))
  everyDay(kernel, timers, tenantId, 'identity.purge', () => purgeSignIns(kernel, tenantId))
  everyDay(kernel, timers, tenantId, 'kernel.idempotency', () => purgeIdempotency(kernel, tenantId))
  return timers
}
