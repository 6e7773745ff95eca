import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { queryIn, type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { type Random, seededRandom } from '#kernel/random.ts'
import { catching } from '#kernel/result.ts'
import { type Clock, manualClock } from '#kernel/time.ts'
import { type BackRow, type DebitFile, parseFile, type ReturnRow, renderFile, stampOf } from '../debit/layout.ts'
import { type DebitBank, endMandate, runDebitExchange, runRefunds, useDebitBank } from '../index.ts'
import { activeMandate, askDebit, BANK, faults, silentBank, system } from './debit-support.ts'

const FIRST = Number(process.env.YIMEN_SIM_SEED ?? 1)
const SEEDS = process.env.YIMEN_SIM_SEED ? 1 : process.env.YIMEN_FULL ? 300 : 8
const HOUR_MS = 3_600_000

interface Truth {
  readonly amountFen: number
  readonly result: string
  readonly bankNo: string
  readonly at: Date
  returnNo?: string
}

/**
 * A bank with books of its own that loses calls and answers, is late, repeats itself, leaves rows out, hands files over cut or in
 * any order, and takes debits back. It never debits twice and never lies about one debit it is asked for.
 */
function lyingBank(random: Random, clock: Clock, chance: { harm: number }) {
  const truth = new Map<string, Truth>()
  const shown = new Map<string, Buffer>()
  const later: { at: number; name: string; bytes: Buffer }[] = []
  const taken = new Map<string, Buffer>()
  const refunds = new Map<string, { bankNo: string; amountFen: number }>()
  const strikes = () => random.float() < chance.harm
  const lost = { kind: 'unknown', why: 'lost' } as const
  const show = (name: string, bytes: Buffer, hours: number) =>
    later.push({ at: clock.now().getTime() + (strikes() ? random.int(60) : hours) * HOUR_MS, name, bytes })

  function work(file: DebitFile<'O'>, bytes: Buffer): void {
    const at = clock.now()
    const base = { bank: BANK, batchNo: file.batchNo, day: file.day, madeAt: stampOf(at) }
    const rows = file.rows.map((row): ReturnRow => {
      const known = truth.get(row.orderNo)
      const result = known?.result ?? ['00', '00', '00', '01', '02', '04'][random.int(6)]!
      const fact = known ?? { amountFen: row.amountFen, result, bankNo: result === '00' ? `N${truth.size}-${file.batchNo}` : '', at }
      truth.set(row.orderNo, fact)
      const isPaid = fact.result === '00'
      return {
        seq: row.seq,
        orderNo: row.orderNo,
        amountFen: row.amountFen,
        result: fact.result,
        bankNo: fact.bankNo,
        at: isPaid ? stampOf(fact.at) : '',
        note: '',
      }
    })
    show(
      `${file.batchNo}_A`,
      renderFile({ ...base, kind: 'A', rows: [{ sha256: createHash('sha256').update(bytes).digest('hex'), result: '00', note: '' }] }),
      1,
    )
    const kept = strikes() ? rows.filter(() => random.float() < 0.6) : rows
    show(`${file.batchNo}_R`, renderFile({ ...base, kind: 'R', rows: kept }), 6)
    if (strikes()) show(`${file.batchNo}_R2`, renderFile({ ...base, madeAt: stampOf(new Date(at.getTime() + 60_000)), kind: 'R', rows }), 8)
    for (const row of rows.filter(one => one.result === '00' && random.float() < 0.15)) {
      const fact = truth.get(row.orderNo)!
      fact.returnNo = `B${fact.bankNo}`
      const back: BackRow = { ...row, result: '99', returnNo: fact.returnNo }
      show(`B_${fact.bankNo}`, renderFile({ ...base, batchNo: `B${truth.size}`, kind: 'B', rows: [back] }), 3)
    }
  }

  const bank: DebitBank = {
    ...silentBank,
    endMandate: async () => ({ kind: 'ended' }),
    async putFile(name, bytes) {
      if (strikes()) return lost
      if (!taken.has(name)) {
        taken.set(name, bytes)
        work(parseFile(bytes) as DebitFile<'O'>, bytes)
      }
      return strikes() ? lost : { kind: 'taken' }
    },
    async listFiles() {
      if (strikes()) return lost
      for (const file of later) if (file.at <= clock.now().getTime()) shown.set(file.name, file.bytes)
      const files = [...shown].map(([name, bytes]) => ({ name, sha256: createHash('sha256').update(bytes).digest('hex') }))
      return { kind: 'files', files: files.sort(() => random.float() - 0.5) }
    },
    async getFile(name) {
      const bytes = shown.get(name)
      if (!bytes || strikes()) return lost
      return { kind: 'file', bytes: strikes() ? bytes.subarray(0, random.int(bytes.length)) : bytes }
    },
    async queryDebit(orderNo) {
      const fact = truth.get(orderNo)
      return strikes() ? lost : fact ? { kind: 'known', fact } : { kind: 'missing' }
    },
    async refund({ channelTxnNo, outRefundNo, amountFen }) {
      if (strikes()) return lost
      refunds.set(outRefundNo, { bankNo: channelTxnNo, amountFen })
      return { kind: 'accepted' }
    },
    async queryRefund(outTradeNo, outRefundNo) {
      const known = refunds.get(outRefundNo)
      const state = known ? ('SUCCESS' as const) : ('NOTFOUND' as const)
      return {
        kind: 'known',
        fact: { outTradeNo, outRefundNo, state, ...(known && { amountFen: known.amountFen, refundedAt: clock.now() }) },
      }
    },
  }
  return { bank, truth, refunds }
}

/** A week of collecting, ending and asking, replayed from a seed; throws when the books are not what the bank's are. */
async function simulate(shared: TestKernel, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const clock = manualClock('2026-11-01T22:00:00.000Z')
  const kernel: TestKernel = { ...shared, clock, random }
  const ctx = { ...system(kernel), tenantId: seed }
  const chance = { harm: 0.25 }
  const { bank, truth, refunds } = lyingBank(random, clock, chance)
  const mandates = [await activeMandate(ctx), await activeMandate(ctx), await activeMandate(ctx)]
  useDebitBank(seed, bank)
  const turn = async () => {
    await runDebitExchange(kernel, seed)
    await runRefunds(kernel, seed)
    clock.advance((1 + random.int(5)) * HOUR_MS)
  }
  for (let step = 0; step < 30; step++) {
    const mandate = mandates[random.int(mandates.length)]!
    if (random.float() < 0.5) await catching(() => askDebit(ctx, mandate, 100 + random.int(90_000)))
    if (step === 20) await kernel.db.tx(seed, tx => endMandate(tx, ctx, mandate))
    await turn()
  }
  chance.harm = 0
  for (let step = 0; step < 40; step++) await turn()
  const { rows } = await queryIn(
    kernel,
    'select r.order_no as no, r.state, r.bank_no as "bankNo", r.return_no as "returnNo", b.state as batch from payments.debit_row r join payments.debit_batch b on b.tenant_id = r.tenant_id and b.id = r.batch_id where r.tenant_id = $1',
    [seed],
    seed,
  )
  for (const row of rows) {
    const fact = truth.get(row.no)
    const expected = !fact ? [6] : fact.returnNo ? [5] : fact.result === '00' ? [3, 7] : [4]
    assert.ok(expected.includes(row.state), `${row.no}: ${row.state}, the bank says ${JSON.stringify(fact)}`)
    assert.equal(row.batch, 6, 'everything comes to rest')
  }
  const stood = [...truth.values()].filter(fact => fact.result === '00' && !fact.returnNo).reduce((sum, fact) => sum + fact.amountFen, 0)
  const given = [...refunds.values()].reduce((sum, refund) => sum + refund.amountFen, 0)
  const { rows: booked } = await queryIn(
    kernel,
    `select coalesce(sum(e.amount), 0)::bigint as fen from ledger.entry e join ledger.account a on a.tenant_id = e.tenant_id and a.id = e.account_id
     where e.tenant_id = $1 and a.code like '1013:%'`,
    [seed],
    seed,
  )
  assert.equal(Number(booked[0].fen), stood - given, 'what the bank owes is what the books say')
  assert.deepEqual(await faults(kernel, seed), [])
}

test(
  `${SEEDS} weeks with a bank that loses, repeats, delays, cuts and takes back come to rest with its own books`,
  { timeout: 30 * 60_000 },
  () =>
    withTestDb(async kernel => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
        await assert.doesNotReject(simulate(kernel, seed), `YIMEN_SIM_SEED=${seed} replays this run`)
    }),
)
