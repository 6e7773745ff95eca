import { systemRandom } from '#kernel/random.ts'
import { issueBills, withDatabase } from './support/audit.ts'
import { conclude, isReady, runDrill, say } from './support/harness.ts'
import { type Payers, startPayers } from './support/payers.ts'
import { findPostmaster, isRunning, type ProductProcess, pause, until } from './support/product-process.ts'

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
const RUN_MS_MAX = 30 * 60_000

const random = systemRandom()

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
  return conclude('kill', product, dataDir, payers, { application_kills: done.application, postgres_kills: done.postgres })
}

await runDrill(drill, { run_ms_max: RUN_MS_MAX })
