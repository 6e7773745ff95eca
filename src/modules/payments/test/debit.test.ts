import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { catching } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { ensureAccount, listBalances } from '#modules/ledger/index.ts'
import { takeFile } from '../debit/files.ts'
import type { OutRow } from '../debit/layout.ts'
import {
  closeOrder,
  countLateBatches,
  endMandate,
  ensureMerchant,
  findDebitBatch,
  listClaims,
  listDebitBatches,
  placeOrder,
  runDebitExchange,
  startAttempt,
  useDebitBank,
} from '../index.ts'
import { type Asked, activeMandate, askDebit, BANK, bankFiles, faults, sealed, silentBank, system } from './debit-support.ts'

const AT = new Date('2026-11-24T02:30:15.000Z')
const clocked = () => manualClock('2026-11-23T22:10:00.000Z')

const breaksOf = async (kernel: TestKernel): Promise<string[]> =>
  (await queryIn(kernel, 'select class, severity from payments.break where resolved_at is null order by 1, 2')).rows.map(
    b => `${b.class} ${b.severity}`,
  )

test('in whatever order, however late and however often the files come, the books are the same', { timeout: 170_000 }, () =>
  withTestDb(
    async kernel => {
      const ctx = system(kernel)
      // What a run moved in the books and left behind: each is compared with the one that went by the book.
      const play = async (order: (names: string[]) => string[]): Promise<string> => {
        const mandate = await activeMandate(ctx)
        const asked: Asked[] = []
        for (const fen of [1_000, 2_000, 3_000, 4_000]) asked.push(await askDebit(ctx, mandate, fen))
        const before = new Map((await kernel.db.read(1, tx => listBalances(tx, 1))).map(b => [b.code, b.amount]))
        const { file, bytes } = await sealed(ctx, asked[0]!.batchId)
        const bank = bankFiles(file, bytes, AT)
        const [a, b, c, d] = asked.map(one => file.rows.find(row => row.amountFen === one.amountFen)!) as [OutRow, OutRow, OutRow, OutRow]
        const answers = [bank.answer(a, '00'), bank.answer(b, '01'), bank.answer(c, '00'), bank.answer(d, '02')]
        const made: Record<string, Buffer> = {
          ack: bank.ack(),
          // A return that lacks rows, and one that has all of them, made later.
          part: bank.returned(answers.slice(0, 2)),
          whole: bank.returned(answers, '20261124113000'),
          back: bank.back(`B${file.batchNo.slice(0, 8)}001`, [c]),
        }
        const names = order(Object.keys(made))
        const parked = new Set<string>()
        for (const name of names) {
          const taken = await takeFile(ctx, BANK, name, made[name]!)
          assert.notEqual(taken, 'refused')
          if (taken === 'parked') parked.add(name)
          else parked.delete(name)
        }
        // What waited for its turn is offered again, as the exchange does.
        for (const name of parked) assert.equal(await takeFile(ctx, BANK, name, made[name]!), 'taken')
        for (const name of Object.keys(made)) assert.equal(await takeFile(ctx, BANK, `${name} again`, made[name]!), 'known')
        const after = await kernel.db.read(1, tx => listBalances(tx, 1))
        const moved = after
          .map(row => [row.code.replace(/\d{12}/, '#'), row.amount - (before.get(row.code) ?? 0)])
          .filter(([, fen]) => fen !== 0)
        const { rows } = await queryIn(
          kernel,
          'select b.state as batch, r.state, r.failure, o.state as "order", o.paid_fen, o.refunded_fen from payments.debit_row r join payments.debit_batch b on b.id = r.batch_id join payments."order" o on o.id = r.order_id where b.id = $1 order by r.amount_fen',
          [asked[0]!.batchId],
        )
        const claims = (
          await kernel.db.read(1, tx =>
            listClaims(
              tx,
              1,
              ['bill'],
              asked.map(one => one.subjectId),
            ),
          )
        ).length
        return JSON.stringify({ moved, rows, claims })
      }
      const right = await play(names => names)
      assert.deepEqual(JSON.parse(right), {
        moved: [
          ['1013:demobank:#', 1_000],
          ['2202:water', -1_000],
        ],
        rows: [
          { batch: 6, state: 3, failure: null, order: 2, paid_fen: 1_000, refunded_fen: 0 },
          { batch: 6, state: 4, failure: 'insufficient', order: 3, paid_fen: 0, refunded_fen: 0 },
          { batch: 6, state: 5, failure: 'refused', order: 2, paid_fen: 3_000, refunded_fen: 3_000 },
          { batch: 6, state: 4, failure: 'account_closed', order: 3, paid_fen: 0, refunded_fen: 0 },
        ],
        claims: 1,
      })
      const names = ['ack', 'part', 'whole', 'back']
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(...names), { maxLength: 6 }),
          fc.shuffledSubarray(names, { minLength: 4 }),
          async (more, all) => {
            assert.equal(await play(() => [...more, ...all]), right)
          },
        ),
        { numRuns: 40 },
      )
      assert.deepEqual(await faults(kernel), [])
      assert.deepEqual(await breaksOf(kernel), [])
    },
    { clock: clocked() },
  ),
)

test('what is in a batch is paid by nobody else, and is free the moment the bank says no', () =>
  withTestDb(
    async kernel => {
      const ctx = system(kernel)
      await ensureMerchant(ctx, 'wechat', '1900000109')
      const asked = await askDebit(ctx, await activeMandate(ctx), 5_250)
      const payByHand = (payer: string) =>
        catching(() =>
          kernel.db.tx(1, async tx => {
            const line = {
              subjectKind: 'bill',
              subjectId: asked.subjectId,
              payeeAccountId: await ensureAccount(tx, ctx, '2202:water'),
              amountFen: 5_250,
              title: '水费',
            }
            return placeOrder(tx, ctx, { lines: [line], title: '水费', payer, place: 'phone' })
          }),
        )
      for (const payer of ['browser:stranger', 'resident:test']) {
        const refused = await payByHand(payer)
        assert.ok(refused.ok && !refused.value.ok && refused.value.error.code === 'payments.subject_being_paid', payer)
      }
      const launch = { notifyUrl: '', returnUrl: '', clientIp: '', product: 'h5', channel: 'wechat' } as const
      const started = await startAttempt(ctx, { ...launch, orderId: asked.orderId })
      assert.equal(started.ok, false)
      assert.equal(await closeOrder(ctx, asked.orderId, 'cancelled_by_payer'), 'unknown', 'a debit cannot be called back')
      const { file, bytes } = await sealed(ctx, asked.batchId)
      const bank = bankFiles(file, bytes, AT)
      assert.equal(await takeFile(ctx, BANK, 'r', bank.returned([bank.answer(file.rows[0]!, '01')])), 'taken')
      const free = await payByHand('browser:stranger')
      assert.ok(free.ok && free.value.ok)
      // The bank contradicts itself: its money came after all, and goes back to where it came from.
      assert.equal(await takeFile(ctx, BANK, 'r2', bank.returned([bank.answer(file.rows[0]!, '00')], '20261124120000')), 'taken')
      const { rows } = await queryIn(kernel, "select r.cause, r.state, r.amount_fen from payments.refund r where r.cause = 'late_pay'")
      assert.deepEqual(rows, [{ cause: 'late_pay', state: 2, amount_fen: 5_250 }])
      assert.deepEqual(await faults(kernel), [])
    },
    { clock: clocked() },
  ))

test('a lie of the bank changes no booking: other amounts, strange rows, contradictions and rows left out become breaks', () =>
  withTestDb(
    async kernel => {
      const ctx = system(kernel)
      const mandate = await activeMandate(ctx)
      const asked = []
      for (const fen of [1_000, 2_000, 3_000]) asked.push(await askDebit(ctx, mandate, fen))
      const { file, bytes } = await sealed(ctx, asked[0]!.batchId)
      const bank = bankFiles(file, bytes, AT)
      const [a, b, c] = asked.map(one => file.rows.find(row => row.amountFen === one.amountFen))
      const strange = { ...bank.answer(a!, '00'), orderNo: 'y001strange', bankNo: 'S1' }
      const cut = bank.returned([bank.answer(a!, '00')])
      assert.equal(await takeFile(ctx, BANK, 'cut', cut.subarray(0, cut.length - 3)), 'refused')
      assert.equal(await takeFile(ctx, BANK, 'cut', cut.subarray(0, cut.length - 3)), 'known')
      assert.equal(await takeFile(ctx, BANK, 'out', bytes), 'known', 'our own file is no answer')
      const lies = bank.returned([bank.answer(a!, '00'), { ...bank.answer(b!, '00'), amountFen: 2_001 }, strange])
      assert.equal(await takeFile(ctx, BANK, 'lies', lies), 'taken')
      assert.deepEqual(await breaksOf(kernel), ['amount 1', 'debit_missing 2', 'debit_missing 2', 'debit_unknown 1'])
      // The same number for another debit; and a debit that was booked is denied.
      const worse = bank.returned(
        [bank.answer(a!, '01'), { ...bank.answer(c!, '00'), bankNo: bank.answer(a!, '00').bankNo }],
        '20261124120000',
      )
      assert.equal(await takeFile(ctx, BANK, 'worse', worse), 'taken')
      assert.deepEqual(await breaksOf(kernel), [
        'amount 1',
        'debit_conflict 1',
        'debit_conflict 1',
        'debit_missing 2',
        'debit_missing 2',
        'debit_unknown 1',
      ])
      const transit = (await kernel.db.read(1, tx => listBalances(tx, 1))).find(row => row.code.startsWith('1013:'))
      assert.equal(transit?.amount, 1_000)
      assert.deepEqual(await faults(kernel), [])
      // Asked one by one, the bank says what is so: the rows are settled, their breaks end, the batch is over.
      const answers = new Map([
        [b!.orderNo, { result: '00', amountFen: 2_000, bankNo: 'Q2', at: AT }],
        [c!.orderNo, undefined],
      ])
      useDebitBank(1, {
        ...silentBank,
        queryDebit: async no => {
          const fact = answers.get(no)
          return fact ? { kind: 'known', fact } : { kind: 'missing' }
        },
      })
      await runDebitExchange(kernel, 1)
      assert.deepEqual(await breaksOf(kernel), ['debit_conflict 1', 'debit_conflict 1', 'debit_unknown 1'])
      const reader = testCtx(kernel, { permissions: new Set(['payments.debit.read']) })
      const seen = await findDebitBatch(reader, asked[0]!.batchId)
      assert.ok(seen.ok && seen.value.state === 'closed')
      assert.deepEqual(seen.value.failures, [{ failure: 'not_received', count: 1 }])
      assert.deepEqual(await faults(kernel), [])
    },
    { clock: clocked() },
  ))

test('ending a mandate takes out what is not sealed and tells what is at the bank; a draft nobody is left in needs no file', () =>
  withTestDb(
    async kernel => {
      const ctx = system(kernel)
      const [one, two] = [await activeMandate(ctx), await activeMandate(ctx)]
      const sent = await askDebit(ctx, one, 1_000)
      await sealed(ctx, sent.batchId)
      const waiting = await askDebit(ctx, one, 2_000)
      const other = await askDebit(ctx, two, 3_000)
      assert.notEqual(waiting.batchId, sent.batchId)
      const ended = await kernel.db.tx(1, tx => endMandate(tx, ctx, one))
      assert.deepEqual(ended, { withdrawn: [waiting.orderId], atBank: [sent.orderId] })
      assert.deepEqual(await kernel.db.tx(1, tx => endMandate(tx, ctx, one)), { withdrawn: [], atBank: [sent.orderId] })
      assert.equal((await kernel.db.read(1, tx => listClaims(tx, 1, ['bill'], [waiting.subjectId]))).length, 0)
      const refused = await catching(() => askDebit(ctx, one, 500))
      assert.equal(!refused.ok && refused.error.code, 'payments.debit_mandate_not_active')
      await kernel.db.tx(1, tx => endMandate(tx, ctx, two))
      await sealed(ctx, other.batchId).then(
        () => assert.fail('an empty draft has no file'),
        () => undefined,
      )
      assert.deepEqual(await faults(kernel), [])
    },
    { clock: clocked() },
  ))

test(
  'sixteen at once, paying by hand, collecting, ending and sealing: a subject is paid once and every row has one fate',
  { timeout: 120_000 },
  () =>
    withTestDb(
      async kernel => {
        const ctx = system(kernel)
        const mandates = await Promise.all(Array.from({ length: 4 }, () => activeMandate(ctx)))
        const subjects = Array.from({ length: 60 }, (_, i) => `01900000-0000-7000-8000-${String(i).padStart(12, '0')}`)
        const payee = await kernel.db.tx(1, tx => ensureAccount(tx, ctx, '2202:water'))
        const byHand = (subjectId: string) =>
          catching(() =>
            kernel.db.tx(1, async tx => {
              const line = { subjectKind: 'bill', subjectId, payeeAccountId: payee, amountFen: 700, title: '水费' }
              return placeOrder(tx, ctx, { lines: [line], title: '水费', payer: 'browser:a', place: 'phone' })
            }),
          )
        let turn = 0
        const client = async (n: number) => {
          while (turn < subjects.length * 3) {
            const subject = subjects[turn++ % subjects.length]!
            const act = (turn + n) % 8
            if (act < 4) await catching(() => askDebit(ctx, mandates[turn % 4]!, 700, subject))
            else if (act < 7) await byHand(subject)
            else {
              const { rows } = await queryIn(kernel, 'select id from payments.debit_batch where state = 1 limit 1')
              if (rows[0]) await sealed(ctx, rows[0].id).catch(() => undefined)
            }
            if (turn === 100) await kernel.db.tx(1, tx => endMandate(tx, ctx, mandates[0]!))
          }
        }
        await Promise.all(Array.from({ length: 16 }, (_, n) => client(n)))
        assert.deepEqual(await faults(kernel), [])
        const { rows } = await queryIn(
          kernel,
          `select l.subject_id, count(*)::int as n from payments.order_line l join payments."order" o on o.id = l.order_id
         where o.state <> 3 and l.subject_kind = 'bill' group by 1 having count(*) > 1`,
        )
        assert.deepEqual(rows, [])
        const { rows: sums } = await queryIn(
          kernel,
          'select count(*)::int as debits, count(distinct state)::int as states from payments.debit_row',
        )
        assert.ok(sums[0].debits > 10, JSON.stringify(sums))
      },
      { clock: clocked(), max: 20 },
    ),
)

test('who may read debits sees batches and sums; nobody else, and nothing of another sub-district', () =>
  withTestDb(
    async kernel => {
      const ctx = system(kernel)
      const asked = await askDebit(ctx, await activeMandate(ctx), 1_000)
      await sealed(ctx, asked.batchId)
      for (const denied of [
        await listDebitBatches(testCtx(kernel)),
        await findDebitBatch(testCtx(kernel), asked.batchId),
        await countLateBatches(testCtx(kernel)),
      ])
        assert.equal(!denied.ok && denied.error.code, 'access.denied')
      const reader = { permissions: new Set(['payments.debit.read']) }
      const own = await listDebitBatches(testCtx(kernel, reader))
      assert.ok(own.ok && own.value.batches.length === 1)
      assert.deepEqual(own.value.batches[0]!.unknown, { count: 1, fen: 1_000 })
      const late = await countLateBatches(testCtx(kernel, reader))
      assert.ok(late.ok && late.value === 0)
      const other = testCtx(kernel, reader, 2)
      const none = await listDebitBatches(other)
      assert.ok(none.ok && none.value.batches.length === 0)
      assert.equal((await findDebitBatch(other, asked.batchId)).ok, false)
      for (const table of ['debit_mandate', 'debit_batch', 'debit_row', 'debit_file'])
        assert.equal((await queryIn(kernel, `select count(*)::int as n from payments.${table}`, [], 2)).rows[0].n, 0, table)
    },
    { clock: clocked() },
  ))
