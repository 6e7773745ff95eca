import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemRandom } from '#kernel/random.ts'
import { freePort } from '../src/app/up.ts'
import { audit, issueBills, type Verdict, withDatabase } from './support/audit.ts'
import { type Payers, startPayers } from './support/payers.ts'
import { findPostmaster, isRunning, type ProductProcess, pause, productProcess, until, within } from './support/product-process.ts'

/**
 * Kills the product and its database while people pay, then compares every promise with the books.
 * KILLS and PG_KILLS shorten a run. Exit code 0 when nothing was lost or doubled and the doctor finds the books clean.
 */
const KILLS = Number(process.env.KILLS ?? 30)
const PG_KILLS = Number(process.env.PG_KILLS ?? 10)
const CLIENTS = 6
const BILLS = 6_000
const LOAD_MS_MIN = 500
const LOAD_MS_SPREAD = 1_500
const RECOVER_MS_MAX = 60_000
const QUIET_MS_MAX = 240_000
const RUN_MS_MAX = 30 * 60_000

const random = systemRandom()
const say = (line: string) => process.stderr.write(`${line}\n`)

/** True when the product answers that it and its database are there. */
async function isReady(url: string): Promise<true | undefined> {
  try {
    const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) })
    await answer.arrayBuffer()
    return answer.ok || undefined
  } catch {
    return undefined
  }
}

async function killApplication(product: ProductProcess, dataDir: string): Promise<void> {
  const server = findPostmaster(dataDir)
  if (!server) throw new Error('no database server runs before the kill')
  await product.kill()
  if (!isRunning(server)) throw new Error('the database server ended with the application')
  await product.start()
  if (findPostmaster(dataDir) !== server) throw new Error('the database server was not adopted')
}

async function killDatabase(product: ProductProcess, dataDir: string): Promise<void> {
  const server = findPostmaster(dataDir)
  if (!server) throw new Error('no database server runs before the kill')
  const survives = () => {
    if (!product.isAlive()) throw new Error(`the application ended with its database server:\n${product.output()}`)
  }
  process.kill(server, 'SIGKILL')
  await until(RECOVER_MS_MAX, 'a new database server', () => {
    survives()
    const now = findPostmaster(dataDir)
    return now !== undefined && now !== server ? now : undefined
  })
  await until(RECOVER_MS_MAX, 'the product answers again', () => isReady(product.url))
  survives()
}

/** Which to kill when: the database kills spread evenly among the others. */
function plan(): ('application' | 'postgres')[] {
  const total = KILLS + PG_KILLS
  return Array.from({ length: total }, (_, i) =>
    Math.floor(((i + 1) * PG_KILLS) / total) > Math.floor((i * PG_KILLS) / total) ? 'postgres' : 'application',
  )
}

async function killAll(product: ProductProcess, dataDir: string, payers: Payers): Promise<{ application: number; postgres: number }> {
  const done = { application: 0, postgres: 0 }
  for (const target of plan()) {
    await pause(LOAD_MS_MIN + random.int(LOAD_MS_SPREAD))
    const began = Date.now()
    await (target === 'postgres' ? killDatabase : killApplication)(product, dataDir)
    done[target]++
    say(
      `${String(done.application + done.postgres).padStart(3)}/${KILLS + PG_KILLS} killed ${target.padEnd(11)} back after ${Date.now() - began} ms, ` +
        `${payers.promises.receipts.size} receipts seen`,
    )
  }
  await pause(LOAD_MS_MIN + LOAD_MS_SPREAD)
  return done
}

/** Looks until the janitor has learnt of every payment of the channel, or the time is over; answers the last look. */
async function settle(dataDir: string, payers: Payers): Promise<Verdict> {
  const end = Date.now() + QUIET_MS_MAX
  return withDatabase(dataDir, async db => {
    for (;;) {
      const verdict = await audit(db, dataDir, payers.promises)
      const isQuiet = verdict.unknown.length + verdict.lost.length + verdict.doubled.length === 0
      if (isQuiet || Date.now() > end) return verdict
      await pause(2_000)
    }
  })
}

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  await product.start()
  say(`${product.url} is ready; ${KILLS} kills of the application and ${PG_KILLS} of PostgreSQL follow`)
  const codes = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const payers = startPayers({ url: product.url, dataDir, codes, clients: CLIENTS, random })
  let done: { application: number; postgres: number }
  try {
    done = await killAll(product, dataDir, payers)
  } finally {
    await payers.stop()
  }
  say('the load has stopped; visits that failed and were tried again:')
  for (const [reason, count] of [...payers.failures].sort((a, b) => b[1] - a[1]).slice(0, 8)) say(`${String(count).padStart(6)} ${reason}`)
  const verdict = await settle(dataDir, payers)
  for (const kind of ['lost', 'doubled', 'unknown'] as const) for (const line of verdict[kind].slice(0, 20)) say(`${kind}: ${line}`)
  const doctor = await product.command('doctor', '--json')
  const isClean = doctor.code === 0 && (JSON.parse(doctor.stdout) as { clean: boolean }).clean
  if (!isClean) say(`doctor: ${doctor.stdout}${doctor.stderr}`)
  const result = {
    name: 'kill',
    application_kills: done.application,
    postgres_kills: done.postgres,
    acknowledged: verdict.acknowledged,
    lost: verdict.lost.length,
    doubled: verdict.doubled.length,
    unknown: verdict.unknown.length,
    doctor: isClean ? 'clean' : 'broken',
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return verdict.acknowledged > 0 && result.lost + result.doubled + result.unknown === 0 && isClean
}

const dataDir = mkdtempSync(join(tmpdir(), 'yimen-drill-'))
// The database server may run as another user, who must be able to walk in.
chmodSync(dataDir, 0o755)
const product = productProcess(dataDir, await freePort('127.0.0.1'))
const interrupted = new Promise<never>((_resolve, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`ended by ${signal}`)))
})
try {
  const isGood = await within(RUN_MS_MAX, 'the drill', Promise.race([drill(dataDir, product), interrupted]))
  process.exitCode = isGood ? 0 : 1
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
} finally {
  await product.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit()
