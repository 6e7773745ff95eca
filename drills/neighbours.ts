import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Db, sql } from '#kernel/db/index.ts'
import { systemRandom } from '#kernel/random.ts'
import { POSTING } from '#modules/billing/index.ts'
import { issueBills, withDatabase } from './support/audit.ts'
import { conclude, expect, runDrill, say, watcher } from './support/harness.ts'
import { countUnresolved, misbehave, press } from './support/neighbours.ts'
import { type Payers, startPayers, walletUrl } from './support/payers.ts'
import { type ProductProcess, pause, until } from './support/product-process.ts'

/**
 * The channel and a biller are ill together for two minutes: they hang, hang up, lie and answer garbage, while people pay and
 * paid bills are told to the biller. Afterwards everything is resolved by itself, and the biller holds each payment once.
 */
const SICK_MS = Number(process.env.SICK_MS ?? 30_000)
const BILLS = 3_000
const OWN_BILLS = 300
const PAY_MS_MAX = 6_500
const OTHER_MS_MAX = 1_000
const RECOVER_MS_MAX = 60_000
const RESOLVE_MS_MAX = 300_000

const WELL = { create_delay_ms: 0, drop: 0, garbage: 0, lie_then_correct: 0, fail_after_commit: 0 }
const SICKNESSES = {
  hang: { create_delay_ms: 30_000 },
  'hang up': { drop: 1 },
  'lie, and fail after the work is done': { lie_then_correct: 1, fail_after_commit: 0.5 },
  'answer garbage': { garbage: 1 },
} as const

const billerUrl = (dataDir: string): string => {
  const { baseUrl } = JSON.parse(readFileSync(join(dataDir, 'sandbox', 'biller.json'), 'utf8')) as { baseUrl: string }
  return baseUrl
}

/** Lets the ten minutes go by in which a payer may undo, and every pause between two tries: postings are due now. */
const makeDue = (db: Db) =>
  db.tx(1, tx => tx.run(sql`update billing.posting set due_at = now() where tenant_id = 1 and finished_at is null and due_at > now()`))

const countUntold = (db: Db) =>
  db.read(1, tx =>
    tx.one<{ count: number }>(sql`select count(*) as count from billing.posting where tenant_id = 1 and finished_at is null`),
  )

async function checkWhileSick(url: string, bills: string[], mayHang: boolean): Promise<void> {
  const began = Date.now()
  let [slowestOther, slowestPay, pressed] = [0, 0, 0]
  const paying = (async () => {
    while (Date.now() - began < SICK_MS) {
      const { answer } = await press(url, bills.pop()!)
      slowestPay = Math.max(slowestPay, answer.ms)
      pressed++
      if (answer.status !== 303 || answer.ms > PAY_MS_MAX) expect(`paying leads on (${answer.ms} ms)`, false, answer)
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
      await pause(100)
    }
  })()
  await Promise.all([paying, looking])
  const bound = mayHang ? PAY_MS_MAX : OTHER_MS_MAX * 2
  expect(`${pressed} people pressed pay, answered within ${slowestPay} ms; other pages within ${slowestOther} ms`, slowestPay < bound)
}

/** What the biller holds against what we told it: each posted payment once, with its amount, and nothing else. */
async function compareWithBiller(db: Db, dataDir: string): Promise<{ postings: number; differ: number }> {
  const answer = await fetch(`${billerUrl(dataDir)}/_control/postings`, { signal: AbortSignal.timeout(10_000) })
  const { postings } = (await answer.json()) as { postings: { posting_no: string; amount_fen: number; state: string }[] }
  const held = new Map<string, number>()
  let differ = 0
  for (const posting of postings.filter(p => p.state === 'POSTED')) {
    if (held.has(posting.posting_no)) differ++
    held.set(posting.posting_no, posting.amount_fen)
  }
  const told = await db.read(1, tx =>
    tx.rows<{ id: string; amountFen: number }>(
      sql`select id, amount_fen as "amountFen" from billing.posting where tenant_id = 1 and state = ${POSTING.posted}`,
    ),
  )
  for (const { id, amountFen } of told) if (held.get(id) !== amountFen) differ++
  return { postings: told.length, differ: differ + Math.abs(held.size - told.length) }
}

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  await product.start()
  const all = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const bills = all.splice(0, OWN_BILLS)
  const payers: Payers = startPayers({ url: product.url, dataDir, codes: all, clients: 4, random: systemRandom() })
  const both = (faults: object) => Promise.all([walletUrl(dataDir), billerUrl(dataDir)].map(standIn => misbehave(standIn, faults)))
  try {
    for (const [name, faults] of Object.entries(SICKNESSES)) {
      const seen = payers.promises.receipts.size
      await until(RECOVER_MS_MAX, 'receipts under load', () => payers.promises.receipts.size > seen + 15 || undefined)
      say(`channel and biller ${name}`)
      await both(faults)
      await withDatabase(dataDir, makeDue)
      await checkWhileSick(product.url, bills, name === 'hang')
      await both(WELL)
      const began = Date.now()
      await until(RECOVER_MS_MAX, 'a payment reaches the wallet again', async () => {
        const { answer } = await press(product.url, bills.pop()!)
        if (answer.location?.includes('/wallet/h5')) return true
        await pause(1_000)
        return undefined
      })
      say(`ok   payments reach the wallet again after ${Date.now() - began} ms`)
    }
  } finally {
    await payers.stop()
  }
  const began = Date.now()
  const compared = await withDatabase(dataDir, async db => {
    await until(RESOLVE_MS_MAX, 'no attempt is unknown any more', async () => (await countUnresolved(db)).count === 0 || undefined)
    await until(RESOLVE_MS_MAX, 'the biller knows of every payment', async () => {
      await makeDue(db)
      await pause(1_000)
      return (await countUntold(db)).count === 0 || undefined
    })
    return compareWithBiller(db, dataDir)
  })
  say(`ok   nothing is unknown or untold any more, ${Date.now() - began} ms after the load`)
  expect(`the biller holds each of ${compared.postings} payments once`, compared.differ === 0 && compared.postings > 0, compared)
  return conclude('neighbours', product, dataDir, payers, { told: compared.postings })
}

await runDrill(drill, { run_ms_max: 15 * 60_000 })
