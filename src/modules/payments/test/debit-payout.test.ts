import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ctx } from '#kernel/context.ts'
import { queryIn, type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { listBalances } from '#modules/ledger/index.ts'
import { takeFile } from '../debit/files.ts'
import type { OutRow } from '../debit/layout.ts'
import { checkBank, ensureBankAccount, runPayouts, takeBankFile, viewBank } from '../index.ts'
import { renderBankFile } from '../settle/layout.ts'
import { activeMandate, askDebit, BANK, bankFiles, faults, sealed, system } from './debit-support.ts'

const AT = new Date('2026-11-24T02:30:15.000Z')
const DAY_MS = 86_400_000

let serial = 0
/** A statement of the account the bank pays into, of one movement. */
function statement(purpose: string, amountFen: number): Buffer {
  const row = { serial: `M${++serial}`, at: AT, amountFen, balanceFen: 1_000_000 + amountFen, purpose }
  return renderBankFile({ bank: 'icb', day: '2026-11-24', openingFen: 1_000_000, rows: [row] })
}

/** A batch of two debits, both made, one taken back later: what the bank writes about it, on both kinds of paper. */
async function batch(ctx: Ctx) {
  const mandate = await activeMandate(ctx)
  const asked = [await askDebit(ctx, mandate, 1_000), await askDebit(ctx, mandate, 3_000)]
  const { file, bytes } = await sealed(ctx, asked[0]!.batchId)
  const bank = bankFiles(file, bytes, AT)
  const [kept, back] = asked.map(one => file.rows.find(row => row.amountFen === one.amountFen)!) as [OutRow, OutRow]
  const purpose = `DEBIT ${BANK} ${file.batchNo}`
  const papers: Record<string, Buffer> = {
    ack: bank.ack(),
    whole: bank.returned([bank.answer(kept, '00'), bank.answer(back, '00')]),
    back: bank.back(`B${file.batchNo.slice(0, 8)}${file.batchNo.slice(-3)}`, [back]),
    paid: statement(purpose, 4_000),
    taken: statement(purpose, -3_000),
  }
  const isStatement = (name: string) => name === 'paid' || name === 'taken'
  return {
    file,
    purpose,
    async give(name: string) {
      if (isStatement(name)) unwrap(await takeBankFile(ctx, { name, bytes: papers[name]! }))
      else await takeFile(ctx, BANK, `${name}-${file.batchNo}`, papers[name]!)
    },
  }
}

const balances = async (kernel: TestKernel) =>
  new Map((await kernel.db.read(1, tx => listBalances(tx, 1))).filter(b => b.amount !== 0).map(b => [b.code, b.amount]))
const bookFaults = async (kernel: TestKernel) => [
  ...(await faults(kernel)),
  ...(await checkBank(kernel.db, 1)).filter(check => check.ok === false),
]
const openBreaks = async (kernel: TestKernel) =>
  (await queryIn(kernel, `select ref from payments.break where resolved_at is null order by ref`)).rows.map(row =>
    row.ref.replace(/\d{12}/, '#'),
  )

test('in whatever order the bank tells of debits and pays them over, nothing is left in transit and all is on the account', {
  timeout: 170_000,
}, () => {
  const clock = manualClock('2026-11-23T22:10:00.000Z')
  return withTestDb(
    async kernel => {
      const ctx = system(kernel)
      await ensureBankAccount(ctx, 'icb', 'bank')
      let owed = 0
      const names = ['ack', 'whole', 'back', 'paid', 'taken']
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(...names), { maxLength: 5 }),
          fc.shuffledSubarray(names, { minLength: 5 }),
          async (more, all) => {
            const { give } = await batch(ctx)
            for (const name of [...more, ...all]) {
              await give(name)
              assert.deepEqual(await bookFaults(kernel), [])
            }
            // What waited for its turn is offered again, as the exchange does.
            for (const name of names) await give(name)
            await runPayouts(kernel, 1)
            owed += 1_000
            const held = await balances(kernel)
            assert.equal(held.get('1002:icb'), owed)
            assert.deepEqual(
              [...held.keys()].filter(code => code.startsWith('1013:')),
              [],
            )
            assert.deepEqual(await bookFaults(kernel), [])
          },
        ),
        { numRuns: 25 },
      )
      clock.advance(10 * DAY_MS)
      await runPayouts(kernel, 1)
      assert.deepEqual(await openBreaks(kernel), [])
      const view = unwrap(await viewBank(ctx, '2026-11-20', '2026-12-10'))
      assert.ok(view.debits.every(row => row.owedFen === 0 && row.paidFen === 1_000))
    },
    { clock },
  )
})

test('too little, too much, for a batch nobody knows, or not at all: nothing is booked, and after three days it is grave', {
  timeout: 60_000,
}, () => {
  const clock = manualClock('2026-11-23T22:10:00.000Z')
  return withTestDb(
    async kernel => {
      const ctx = system(kernel)
      await ensureBankAccount(ctx, 'icb', 'bank')
      const [wrong, late] = [await batch(ctx), await batch(ctx)]
      for (const name of ['ack', 'whole']) for (const one of [wrong, late]) await one.give(name)
      for (const [purpose, fen] of [
        [wrong.purpose, 3_999],
        [`DEBIT ${BANK} 202611249999`, 500],
      ] as const)
        unwrap(await takeBankFile(ctx, { name: 'bank.txt', bytes: statement(purpose, fen) }))
      await runPayouts(kernel, 1)
      assert.deepEqual(await openBreaks(kernel), [], 'the paper that explains it may come later')
      clock.advance(8 * DAY_MS)
      unwrap(
        await takeBankFile(ctx, { name: 'later.txt', bytes: renderBankFile({ bank: 'icb', day: '2026-12-01', openingFen: 5, rows: [] }) }),
      )
      await runPayouts(kernel, 1)
      assert.deepEqual(
        (await openBreaks(kernel)).map(ref => ref.replace(/M\d+/, 'M')),
        ['bank:icb:M', 'bank:icb:M', 'payout:debit:demobank:#'],
      )
      assert.equal((await balances(kernel)).get('1002:icb'), undefined)
      assert.deepEqual(await bookFaults(kernel), [])
      // The rest comes.
      unwrap(await takeBankFile(ctx, { name: 'rest.txt', bytes: statement(wrong.purpose, 1) }))
      await late.give('paid')
      await runPayouts(kernel, 1)
      assert.equal((await balances(kernel)).get('1002:icb'), 8_000)
      assert.equal((await openBreaks(kernel)).length, 1)
    },
    { clock },
  )
})
