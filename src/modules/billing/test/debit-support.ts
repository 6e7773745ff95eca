import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ctx } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode, newId } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, dayOf, manualClock, systemClock } from '#kernel/time.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { checkLedger, registerFold } from '#modules/ledger/index.ts'
import { listMessages } from '#modules/notify/index.ts'
import {
  checkDebits,
  checkPayments,
  type DebitBankConfig,
  debitBank,
  runDebitExchange,
  runRefunds,
  useDebitBank,
} from '#modules/payments/index.ts'
import { runSubscribers } from '#modules/trail/index.ts'
import { type SandboxProcess, startSandbox } from '../../../../sandbox/start.ts'
import { withSequencer } from '../../trail/test/support.ts'
import { type BillerApiConfig, billerApi } from '../adapters/biller-api.ts'
import {
  checkMandates,
  type DebitTerms,
  registerDebits,
  registerReceipts,
  runDebitCollect,
  runPostings,
  switchOnDebit,
  usePort,
} from '../index.ts'
import { registerWater, waterConfig } from './import-support.ts'

/** Cards with a check digit, one each. */
export const cardOf = (n: number): string => {
  const body = `6200580000${String(n).padStart(5, '0')}`
  const sum = [...body].reverse().reduce((total, d, i) => total + (i % 2 === 0 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(d)]! : Number(d)), 0)
  return `${body}${(10 - (sum % 10)) % 10}`
}

export const TERMS: DebitTerms = { ceilingFen: 20_000, daysBefore: 3, untilOn: null }
export const consentTo = (terms: DebitTerms) => ({
  terms,
  wording: `在到期前${terms.daysBefore}天扣，最多${terms.ceilingFen}分`,
  isGiven: true,
})

export interface Town {
  readonly kernel: TestKernel
  readonly clock: ReturnType<typeof manualClock>
  readonly ctx: Ctx
  readonly bank: SandboxProcess
  /** A resident with a telephone the bank knows. */
  resident(n: number): Promise<Ctx>
  /** An account with one bill; answers both. */
  bill(amountFen: number, dueIn: number, accountId?: string): Promise<{ accountId: string; billId: string; code: string }>
  on(resident: Ctx, accountId: string, card: string, terms?: DebitTerms): Promise<string>
  control(path: string, body?: object): Promise<Record<string, unknown>>
  books(): Promise<BankBooksView>
  /** To an hour of the n-th day from now on, with everything that happens by itself then. */
  goTo(days: number, hour: number): Promise<void>
  /** One round of everything that works by itself. */
  settle(): Promise<void>
  items(): Promise<{ bill: string; try: number; outcome: string; failure: string | null; amount: number }[]>
  told(resident: Ctx): Promise<string[]>
  faults(): Promise<unknown[]>
}

interface BankBooksView {
  readonly accounts: readonly { readonly card: string; readonly balance_fen: number }[]
  readonly mandates: readonly { readonly state: string }[]
  readonly debits: readonly { readonly order_no: string; readonly result: string; readonly amount_fen: number }[]
  readonly owed: Readonly<Record<string, number>>
}

let serial = 0

async function insertBill(kernel: TestKernel, amountFen: number, dueIn: number, given?: string) {
  const n = ++serial
  const now = kernel.clock.now()
  const accountId = given ?? newId(kernel.clock, kernel.random)
  const billId = newId(kernel.clock, kernel.random)
  const code = newCode(kernel.random)
  if (!given)
    await queryIn(
      kernel,
      `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values (1, $1, 'water', $2, '王**', '青砖一村***', false, $3)`,
      [accountId, `10${String(n).padStart(8, '0')}`, now],
    )
  const lines = JSON.stringify([{ item: 'total', name: '水费', amount_fen: amountFen }])
  await queryIn(
    kernel,
    `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
     values (1, $1, $2, 'water', $3, $4, '2026-09', '2026-10', $5, $6, $7, $8)`,
    [billId, code, accountId, `W${n}`, amountFen, addDays(dayOf(now), dueIn), lines, now],
  )
  return { accountId, billId, code }
}

/** A town with its water company and a bank as processes, and a clock moved by hand; it begins at 05:00 in Shanghai. */
export async function withTown(work: (town: Town) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'yimen-debit-'))
  const clock = manualClock('2026-11-22T21:00:00.000Z')
  const { bank, biller } = await startSandbox(['bank', 'biller'], { keysDir: dir, env: { SANDBOX_TIME_SCALE: '1000000' } })
  try {
    await withTestDb(kernel => withSequencer(kernel, sequencer => work(townOf(kernel, clock, bank, biller, () => sequencer.drain()))), {
      clock,
    })
  } finally {
    await Promise.all([bank.stop(), biller.stop()])
    rmSync(dir, { recursive: true })
  }
}

function townOf(
  kernel: TestKernel,
  clock: ReturnType<typeof manualClock>,
  bank: SandboxProcess,
  biller: SandboxProcess,
  seal: () => Promise<unknown>,
): Town {
  const ctx = systemCtx(kernel, 1, 'test')
  registerFold()
  registerReceipts()
  registerDebits()
  // The stand-ins check signatures against the real time.
  useDebitBank(1, debitBank(bank.config as unknown as DebitBankConfig, systemClock))
  usePort(1, 'water', billerApi(biller.config as unknown as BillerApiConfig, systemClock))
  const ready = registerWater(kernel, { ...waterConfig, query_after_min: 1_000_000 })
  const control: Town['control'] = async (path, body = {}) => {
    const answer = await fetch(`${bank.url}/_control/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(answer.ok, `${path}: ${answer.status}`)
    return (await answer.json()) as Record<string, unknown>
  }
  const settle = async () => {
    await control('quirks', { now: clock.now().toISOString() })
    for (let round = 0; round < 3; round++) {
      await runDebitExchange(kernel, 1)
      await runRefunds(kernel, 1)
      await seal()
      while ((await runSubscribers(kernel, 1)) > 0) await seal()
      await runPostings(kernel, 1)
    }
  }
  return {
    ...{ kernel, clock, ctx, bank, control, settle },
    async resident(n) {
      const { id } = unwrap(await registerPerson(ctx, { name: `居民${n}`, phone: `1380000${String(n).padStart(4, '0')}` }))
      const made = testCtx(kernel, { kind: 'resident', id })
      // Proved just now, whenever that is.
      return {
        ...made,
        actor: {
          ...made.actor,
          get provedAt() {
            return clock.now()
          },
        },
      }
    },
    async bill(amountFen, dueIn, accountId) {
      await ready
      return insertBill(kernel, amountFen, dueIn, accountId)
    },
    async on(resident, accountId, card, terms = TERMS) {
      const idempotencyKey = newCode(kernel.random)
      const done = unwrap(await switchOnDebit(resident, { accountId, card, consent: consentTo(terms), idempotencyKey }))
      assert.equal(done.standing, 'active')
      return done.mandateId
    },
    books: async () => (await (await fetch(`${bank.url}/_control/books`)).json()) as BankBooksView,
    async goTo(days, hour) {
      const at = new Date(`${addDays(dayOf(clock.now()), days)}T${String(hour).padStart(2, '0')}:00:00+08:00`)
      assert.ok(at > clock.now())
      clock.set(at)
      if (hour >= 6) await runDebitCollect(kernel, 1)
      await settle()
    },
    items: async () =>
      (
        await queryIn(
          kernel,
          `select b.bill_no as bill, i.try, i.outcome, i.failure, i.amount_fen as amount from billing.debit_item i join billing.bill b on b.id = i.bill_id order by length(b.bill_no), b.bill_no, i.try`,
        )
      ).rows,
    told: async resident => {
      const listed = unwrap(await listMessages(resident, { personId: resident.actor.id }))
      return listed.map(message => message.text).reverse()
    },
    faults: async () => {
      const checks = [checkLedger, checkPayments, checkDebits, checkMandates].map(check => check(kernel.db, 1))
      return (await Promise.all(checks)).flat().filter(check => check.ok === false)
    },
  }
}
