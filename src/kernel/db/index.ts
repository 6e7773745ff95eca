import pg from 'pg'
import sql, { type Sql } from 'sql-template-tag'
import { type AppError, AppFailure } from '../result.ts'
import { openLanes } from './lanes.ts'

export { default as sql, empty, join, raw, type Sql } from 'sql-template-tag'

/**
 * A few rows of a query that reads whole tables and usually finds nothing. With a bare `limit` the planner bets on loops that
 * bring the first rows soon, and over a million orders those never end.
 */
export const firstOf = (query: Sql, limit: number): Sql => sql`with found as materialized (${query}) select * from found limit ${limit}`

const types = new pg.TypeOverrides()
types.setTypeParser(20, text => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint outside the safe range: ${text}`)
  return value
})
types.setTypeParser(1082, text => text)

/** One open transaction. */
export interface Tx {
  rows<T>(query: Sql): Promise<T[]>
  /** Exactly one row; anything else is a bug. */
  one<T>(query: Sql): Promise<T>
  maybe<T>(query: Sql): Promise<T | undefined>
  /** Number of rows changed. */
  run(query: Sql): Promise<number>
  /** Named prepared statement, parsed once per connection: for the hottest statements. */
  prepared<T>(name: string, text: string, values: unknown[]): Promise<T[]>
  readonly client: pg.ClientBase
  /** Runs after the commit has been acknowledged, never on roll-back. */
  afterCommit(then: () => void): void
}

/** What a statement gave back, and how many rows it returned or changed. */
export interface Done<T> {
  readonly rows: readonly T[]
  readonly count: number
}

export interface Db {
  tx<T>(tenantId: number, work: (tx: Tx) => Promise<T>): Promise<T>
  /** Reads one snapshot: what belongs together is seen together. */
  read<T>(tenantId: number, work: (tx: Tx) => Promise<T>): Promise<T>
  /** One named prepared statement as a transaction of its own, in one round trip. */
  statement<T>(name: string, text: string, values: unknown[]): Promise<Done<T>>
  readonly pool: pg.Pool
  close(): Promise<void>
}

/** The connection broke while the commit was under way: it may or may not have happened. Retry with the same key. */
export class CommitUnknown extends Error {}

/** The database cannot be reached. Nothing was changed. */
export class DatabaseUnavailable extends Error {}

/** There is no room left to write. Nothing was changed; reading goes on. */
export class DiskFull extends Error {}

const TRIES_MAX = 5
/**
 * Rolled back whole, or never run: 26000 is a statement sent behind the one that was to prepare it, which failed for itself.
 */
const CONFLICT = new Set(['40001', '40P01', '26000'])
const GONE = new Set(['57P01', '57P02', '57P03', '25006', 'ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT'])

const codeOf = (error: unknown): string => (error as { code?: string } | undefined)?.code ?? ''

export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : ''
  return (
    code.startsWith('08') ||
    GONE.has(code) ||
    /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect/.test(message)
  )
}

/** SQLSTATE 53100: the disk is full; the write did not happen. */
export const isDiskFull = (error: unknown): boolean => error instanceof DiskFull || codeOf(error) === '53100'

export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  codeOf(error) === '23505' && (constraint === undefined || (error as { constraint?: string }).constraint === constraint)

function wrap(client: pg.ClientBase, after: (() => void)[]): Tx {
  const rows = async <T>(query: Sql) => (await client.query(query)).rows as T[]
  return {
    client,
    rows,
    async one<T>(query: Sql) {
      const found = await rows<T>(query)
      if (found.length !== 1) throw new Error(`expected one row, got ${found.length}: ${query.text.slice(0, 120)}`)
      return found[0]!
    },
    maybe: async <T>(query: Sql) => (await rows<T>(query))[0],
    run: async query => (await client.query(query)).rowCount ?? 0,
    prepared: async <T>(name: string, text: string, values: unknown[]) => (await client.query({ name, text, values })).rows as T[],
    afterCommit: then => {
      after.push(then)
    },
  }
}

/** Connections for single statements, beside the pool; with eight, 32 callers at once confirmed a fifth less. */
const LANES = 16
/** Longer than any statement that waits for a lock, shorter than a payer's patience with a page that says it is being confirmed. */
const SILENCE_MS_MAX = 30_000

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

export interface ConnectOptions {
  readonly max: number
  readonly name?: string
  readonly onError?: (error: Error) => void
  /** Asked before each write; true refuses it before the server runs out of room for its log, which would end it. */
  readonly isDiskFull?: () => boolean
  /** A lane that answers nothing for so long is given up: its server process is frozen. */
  readonly silence_ms_max?: number
}

export function connect(url: string, options: ConnectOptions): Db {
  const config: pg.ClientConfig = {
    connectionString: url,
    types,
    connectionTimeoutMillis: 5_000,
    application_name: options.name ?? 'yimen',
  }
  const pool = new pg.Pool({ ...config, max: options.max, idleTimeoutMillis: 30_000 })
  const lanes = openLanes(config, LANES, {
    silence_ms_max: options.silence_ms_max ?? SILENCE_MS_MAX,
    onError: error => options.onError?.(error),
  })
  pool.on('error', error => options.onError?.(error))
  // The pool listens to idle connections only: one that breaks while it is checked out would end the process.
  pool.on('connect', client => client.on('error', error => options.onError?.(error)))

  const unavailableOnLoss = async <T>(connected: Promise<T>): Promise<T> => {
    try {
      return await connected
    } catch (error) {
      if (isConnectionLoss(error)) throw new DatabaseUnavailable('the database cannot be reached', { cause: error })
      throw error
    }
  }

  async function attempt<T>(begin: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await unavailableOnLoss(pool.connect())
    const after: (() => void)[] = []
    let phase: 'work' | 'commit' | 'done' = 'work'
    let broken = false
    try {
      await client.query(begin)
      const value = await work(wrap(client, after))
      phase = 'commit'
      await client.query('commit')
      phase = 'done'
      for (const then of after) then()
      return value
    } catch (error) {
      broken = isConnectionLoss(error)
      if (phase === 'commit' && broken) throw new CommitUnknown('the connection broke during the commit', { cause: error })
      if (phase === 'work' && !broken) await client.query('rollback').catch(() => (broken = true))
      if (broken) throw new DatabaseUnavailable('the database connection broke; nothing was changed', { cause: error })
      throw error
    } finally {
      client.release(broken)
    }
  }

  /** Serialisation failures and deadlocks were rolled back whole: the same again is safe. */
  async function againOnConflict<T>(act: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await act()
      } catch (error) {
        if (tries >= TRIES_MAX || !CONFLICT.has(codeOf(error))) throw error
        await pause(2 ** tries * (5 + Math.random() * 10))
      }
    }
  }

  const retried = <T>(begin: string, work: (tx: Tx) => Promise<T>): Promise<T> => againOnConflict(() => attempt(begin, work))

  const begin = (tenantId: number, mode: string) => {
    if (!Number.isInteger(tenantId)) throw new TypeError(`not a tenant: ${tenantId}`)
    return `begin ${mode}; select set_config('yimen.tenant_id', '${tenantId}', true)`
  }

  const refuseWhenFull = () => {
    if (options.isDiskFull?.()) throw new DiskFull('no room left to write; nothing was changed')
  }

  return {
    pool,
    async tx(tenantId, work) {
      refuseWhenFull()
      return retried(begin(tenantId, ''), work)
    },
    read: (tenantId, work) => retried(begin(tenantId, 'isolation level repeatable read read only'), work),
    async statement<T>(name: string, text: string, values: unknown[]) {
      refuseWhenFull()
      return againOnConflict(async () => {
        const lane = lanes.take()
        try {
          const client = await unavailableOnLoss(lane.connected)
          const { rows, rowCount } = await client.query({ name, text, values })
          return { rows: rows as T[], count: rowCount ?? 0 }
        } catch (error) {
          if (isConnectionLoss(error)) throw new CommitUnknown('the connection broke during a statement', { cause: error })
          throw error
        } finally {
          lanes.leave(lane)
        }
      })
    },
    async close() {
      await Promise.all([pool.end(), lanes.end()])
    },
  }
}

/** Error a person is shown for a failure of the database itself; undefined for bugs. */
export function databaseFailure(error: unknown): AppError | undefined {
  if (error instanceof AppFailure) return error.error
  if (error instanceof CommitUnknown) return { code: 'database.outcome_unknown', status: 503 }
  if (error instanceof DatabaseUnavailable || isConnectionLoss(error)) return { code: 'database.unavailable', status: 503 }
  if (isDiskFull(error)) return { code: 'database.disk_full', status: 503 }
  return undefined
}
