import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type EmbeddedServer, startEmbedded } from '#kernel/db/embedded.ts'
import { systemRandom } from '#kernel/random.ts'
import { hiddenFields } from '../test/support/form.ts'
import { issueBills, OUTSIDE, withDatabase } from './support/audit.ts'
import { conclude, expect, isReady, runDrill, say, watcher } from './support/harness.ts'
import { type Payers, startPayers } from './support/payers.ts'
import { isRunning, type ProductProcess, pause, until } from './support/product-process.ts'

/**
 * Takes a database server of somebody else's (DATABASE_URL) away from under paying load, several times: every page says so
 * in both languages, nothing acknowledged is lost, and the product goes on by itself when the server is back.
 */
const TIMES = Number(process.env.TIMES ?? 3)
const AWAY_MS = 8_000
const BILLS = 3_000
const OWN_BILLS = 10
const RECOVER_MS_MAX = 60_000
const ANSWER_MS_MAX = 2_000

let server: EmbeddedServer | undefined
let outside = ''
const startServer = async () => {
  server = await startEmbedded({ dataDir: outside })
}

async function stopServer(): Promise<void> {
  const pid = server!.pid()
  process.kill(pid, 'SIGQUIT')
  await until(10_000, 'the server ends', () => (isRunning(pid) ? undefined : true))
}

async function checkWhileAway(url: string, code: string, form: Record<string, string>, person: ReturnType<typeof watcher>): Promise<void> {
  const chinese = watcher(url)
  const english = watcher(url, 'en')
  const bill = await chinese.get(`/b/${code}`)
  expect(`a page answers 503 (${bill.ms} ms)`, bill.status === 503 && bill.ms < ANSWER_MS_MAX, bill)
  expect('with when to come back, in Chinese', Number(bill.retryAfter) > 0 && bill.text.includes('现在办不了'), bill.text)
  const words = await english.get(`/b/${code}`)
  expect('and in English', words.status === 503 && words.text.includes('Not possible now'), words.text)
  const pay = await person.post(`/b/${code}/pay`, form)
  expect(`paying is refused: nothing charged (${pay.ms} ms)`, pay.status === 503 && pay.text.includes('未扣款'), pay.text)
  const api = await watcher(url).get('/api/v1/billers')
  expect('a program gets problem details', api.status === 503 && api.text.includes('"code":"database.unavailable"'), api)
}

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  await product.start()
  const all = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const bills = all.splice(0, OWN_BILLS)
  const payers: Payers = startPayers({ url: product.url, dataDir, codes: all, clients: 6, random: systemRandom() })
  try {
    for (let time = 1; time <= TIMES; time++) {
      const seen = payers.promises.receipts.size
      await until(60_000, 'receipts under load', () => payers.promises.receipts.size > seen + 15 || undefined)
      const code = bills.pop()!
      const person = watcher(product.url)
      const page = await person.get(`/b/${code}`)
      const form = { ...hiddenFields(page.text, `/b/${code}/pay`), way: 'wechat' }
      say(`${time}/${TIMES} the database server is stopped`)
      await stopServer()
      const end = Date.now() + AWAY_MS
      await checkWhileAway(product.url, code, form, person)
      await pause(end - Date.now())
      expect('the product still runs', product.isAlive(), product.output())
      await startServer()
      const began = Date.now()
      await until(RECOVER_MS_MAX, 'the product answers again', () => isReady(product.url))
      const again = await person.post(`/b/${code}/pay`, form)
      expect(`the same press of the same button is taken (${Date.now() - began} ms after the server)`, again.status === 303, again)
    }
    await pause(3_000)
  } finally {
    await payers.stop()
  }
  return conclude('lost-database', product, dataDir, payers, { times: TIMES })
}

await runDrill(drill, {
  run_ms_max: 10 * 60_000,
  async prepare(dataDir) {
    outside = join(dataDir, OUTSIDE)
    mkdirSync(outside)
    await startServer()
    const url = new URL(server!.owner)
    url.pathname = '/yimen'
    return { env: { DATABASE_URL: url.href }, undo: () => server?.stop() }
  },
})
