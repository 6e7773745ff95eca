import { systemRandom } from '#kernel/random.ts'
import { issueBills, withDatabase } from './support/audit.ts'
import { conclude, expect, runDrill, say, watcher } from './support/harness.ts'
import { countUnresolved, isLeftAlone, misbehave, press } from './support/neighbours.ts'
import { type Payers, startPayers, walletUrl } from './support/payers.ts'
import { type ProductProcess, pause, until } from './support/product-process.ts'

/**
 * The channel hangs, hangs up and answers garbage while people pay: other pages stay fast, the pay page answers within a
 * bound that it is being confirmed, calls are held back soon, and everything is resolved by itself afterwards.
 */
const SICK_MS = Number(process.env.SICK_MS ?? 25_000)
const BILLS = 3_000
const OWN_BILLS = 300
/** One time-out of a call to the channel and something for the machine. */
const PAY_MS_MAX = 6_500
const OTHER_MS_MAX = 1_000
const OPEN_MS_MAX = 8_000
const RECOVER_MS_MAX = 60_000
const RESOLVE_MS_MAX = 240_000

const SICKNESSES = {
  hangs: { create_delay_ms: 30_000 },
  'hangs up': { drop: 1 },
  'answers garbage': { garbage: 1 },
} as const
const WELL = { create_delay_ms: 0, drop: 0, garbage: 0 }

async function checkWhileSick(url: string, dataDir: string, name: string, bills: string[]): Promise<void> {
  const began = Date.now()
  let opened_ms: number | undefined
  let slowestOther = 0
  let slowestPay = 0
  const paying = (async () => {
    while (Date.now() - began < SICK_MS) {
      const { person, answer } = await press(url, bills.pop()!)
      slowestPay = Math.max(slowestPay, answer.ms)
      expect(`paying leads on (${answer.ms} ms)`, answer.status === 303 && answer.ms < PAY_MS_MAX, answer)
      const page = await person.get(answer.location ?? '/')
      expect('and the page says that it is being confirmed', page.status === 200 && page.text.includes('正在确认'), page.text)
      await pause(1_500)
    }
  })()
  const looking = (async () => {
    while (Date.now() - began < SICK_MS) {
      for (const path of ['/', `/b/${bills[0]!}`, '/prices']) {
        const page = await watcher(url).get(path)
        slowestOther = Math.max(slowestOther, page.ms)
        if (page.status !== 200 || page.ms > OTHER_MS_MAX) expect(`${path} stays fast`, false, page)
      }
      if (opened_ms === undefined && (await isLeftAlone(url, walletUrl(dataDir)))) opened_ms = Date.now() - began
      await pause(100)
    }
  })()
  await Promise.all([paying, looking])
  expect(`${name}: other pages within ${slowestOther} ms, the pay page within ${slowestPay} ms`, slowestOther < OTHER_MS_MAX)
  // Garbage comes at once and costs nobody time; a host that answers is not left alone.
  if (name !== 'answers garbage')
    expect(`${name}: calls are held back after ${opened_ms} ms`, opened_ms !== undefined && opened_ms < OPEN_MS_MAX, opened_ms)
}

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  await product.start()
  const all = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const bills = all.splice(0, OWN_BILLS)
  const payers: Payers = startPayers({ url: product.url, dataDir, codes: all, clients: 4, random: systemRandom() })
  try {
    for (const [name, faults] of Object.entries(SICKNESSES)) {
      const seen = payers.promises.receipts.size
      await until(RECOVER_MS_MAX, 'receipts under load', () => payers.promises.receipts.size > seen + 15 || undefined)
      say(`the channel ${name}`)
      await misbehave(walletUrl(dataDir), faults)
      await checkWhileSick(product.url, dataDir, name, bills)
      await misbehave(walletUrl(dataDir), WELL)
      const began = Date.now()
      await until(RECOVER_MS_MAX, 'a payment reaches the wallet again', async () => {
        const { answer } = await press(product.url, bills.pop()!)
        if (answer.location?.includes('/wallet/h5')) return true
        await pause(1_000)
        return undefined
      })
      expect(`payments reach the wallet again after ${Date.now() - began} ms`, !(await isLeftAlone(product.url, walletUrl(dataDir))))
    }
  } finally {
    await payers.stop()
  }
  const began = Date.now()
  await withDatabase(dataDir, db =>
    until(RESOLVE_MS_MAX, 'no attempt is unknown any more', async () => (await countUnresolved(db)).count === 0 || undefined),
  )
  say(`ok   nothing is unknown any more, ${Date.now() - began} ms after the load`)
  return conclude('slow-channel', product, dataDir, payers, {})
}

await runDrill(drill, { run_ms_max: 15 * 60_000 })
