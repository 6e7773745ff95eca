import { type Ctx, type Kernel, permit, systemCtx } from '#kernel/context.ts'
import type { Db, Tx } from '#kernel/db/index.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { post } from '#modules/ledger/index.ts'
import {
  type BankMovement,
  bankRef,
  CARRY_DAYS,
  findBankAccount,
  hasGraveBreak,
  keepMoneyBreaks,
  listUnbooked,
  lockBank,
  type MoneyBreak,
  mapRemitMovements,
  markBooked,
  partyOf,
} from '#modules/payments/index.ts'
import { append, type Check } from '#modules/trail/index.ts'
import { remitBooked } from '../events.ts'
import * as bills from '../store.ts'
import * as store from './store.ts'

const MOVES_MAX = 5_000

/**
 * Which settlements a remittance pays: that of the day it names, or, where days before it gave back more than they brought, that and
 * every open one before it together. Undefined when neither makes its amount.
 */
export function paidBy(owed: readonly store.OwedDay[], day: string, amountFen: number): readonly store.OwedDay[] | undefined {
  const named = owed.filter(one => one.day === day)
  if (named.length === 0) return undefined
  const sum = (days: readonly store.OwedDay[]) => days.reduce((total, one) => total + one.netFen, 0)
  return sum(named) === amountFen ? named : sum(owed) === amountFen ? owed : undefined
}

/** REMIT: the biller has it, we owe it no more. Only for settled days, and none with an open grave difference. */
async function bookRemit(tx: Tx, ctx: Ctx, m: BankMovement): Promise<boolean> {
  const { tenantId } = ctx
  const biller = await bills.findBiller(tx, tenantId, m.party)
  const account = await findBankAccount(tx, tenantId, m.bank)
  const days = paidBy(await store.listOwedDays(tx, tenantId, m.party, m.aboutDay), m.aboutDay, -m.amountFen)
  if (!biller || !account || !days) return false
  const span = days.map(one => one.day)
  if (await hasGraveBreak(tx, tenantId, span, partyOf(biller.id), bankRef(m))) return false
  const postings = [
    { accountId: biller.payableAccountId, amount: -m.amountFen },
    { accountId: account.accountId, amount: m.amountFen },
  ]
  await post(tx, ctx, { code: 'REMIT', ref: bankRef(m), about: m.fileId, postings, effectiveAt: m.at })
  const at = ctx.kernel.clock.now()
  for (const one of days) await store.insertRemittedDay(tx, tenantId, { ...one, billerId: biller.id, bank: m.bank, serial: m.serial, at })
  await markBooked(tx, tenantId, m, at)
  const body = { biller: biller.id, day: m.aboutDay, days: days.length, amount_fen: -m.amountFen }
  await append(tx, ctx, remitBooked, { subjectId: m.fileId, body })
  return true
}

async function remitBreaks(tx: Tx, ctx: Ctx): Promise<MoneyBreak[]> {
  const today = dayOf(ctx.kernel.clock.now())
  const breaks: MoneyBreak[] = []
  for (const m of await listUnbooked(tx, ctx.tenantId, 'remit', MOVES_MAX)) {
    const owed = await store.listOwedDays(tx, ctx.tenantId, m.party, m.aboutDay)
    const named = owed.find(one => one.day === m.aboutDay)
    const isTwice = !named && (await store.isRemitted(tx, ctx.tenantId, m.party, m.aboutDay))
    const isEqual = paidBy(owed, m.aboutDay, -m.amountFen) !== undefined
    // Paid before it was agreed: that may still come.
    const isWaiting = (isEqual || (!named && !isTwice)) && addDays(dayOf(m.at), CARRY_DAYS) >= today
    if (isWaiting) continue
    breaks.push({
      ...{ class: 'settle_diff', severity: 1, channel: partyOf(m.party), day: m.aboutDay, ref: bankRef(m), line: m.line },
      ...{ statedFen: m.amountFen, bookedFen: named ? -named.netFen : isTwice ? 0 : null, happenedAt: m.at, fileId: m.fileId },
    })
  }
  return breaks
}

/** By itself: books each remittance the bank made and a settlement explains; what none explains is a difference. */
export async function runRemits(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.remits')
  await kernel.db.tx(tenantId, async tx => {
    await lockBank(tx, tenantId)
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const m of await listUnbooked(tx, tenantId, 'remit', MOVES_MAX)) if (await bookRemit(tx, ctx, m)) isMoving = true
    }
    await keepMoneyBreaks(tx, ctx, 'remittances', await remitBreaks(tx, ctx))
  })
  return false
}

export type Owed = Awaited<ReturnType<typeof store.listOwed>>[number]

/** What billers are owed by settlements that are made and not paid to them. */
export async function listOwed(ctx: Ctx): Promise<Result<Owed[]>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.listOwed(tx, ctx.tenantId)))
}

/** S2: what went to a biller is what its settlements say, movement by movement. */
export async function checkRemits(db: Db, tenantId: number): Promise<Check[]> {
  const name = 'each remittance is the sum of the settlements it paid'
  return db.read(tenantId, async tx => {
    const moved = await mapRemitMovements(tx, tenantId)
    const days = await store.sumRemitted(tx, tenantId)
    const bad = days.filter(d => moved.get(`${d.bank} ${d.serial}`) !== -d.netFen)
    const isOk = bad.length === 0 && moved.size === days.length
    const detail = isOk ? '' : `${moved.size} movements, ${days.length} remitted; ${JSON.stringify(bad.slice(0, 5))}`
    return [{ id: 'S2', name, ok: moved.size === 0 && days.length === 0 ? 'not applicable' : isOk, detail }]
  })
}
