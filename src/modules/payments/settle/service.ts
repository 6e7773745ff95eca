import { createHash } from 'node:crypto'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { ensureAccount, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { bankFileTaken, payoutBooked } from '../events.ts'
import { StatementRefused } from '../ports.ts'
import { CARRY_DAYS } from '../reconcile/model.ts'
import { keepMoneyBreaks, type MoneyBreak } from './breaks.ts'
import { type Purpose, parseBankFile, purposeOf } from './layout.ts'
import { coveredBy, feeFenOf, netOf } from './model.ts'
import * as store from './store.ts'
import { bookTransit, listDrawerCash, listTransit, type TransitBatch, transitBreaks } from './transit.ts'

const NAME_CHARS_MAX = 120
const FILES_SHOWN = 31
const bytesCell = (id: string): string => `payments|bank_file|bytes|${id}`

/** Makes the account known that channels pay into. `own` only for whoever is licensed to hold other people's money. */
export async function ensureBankAccount(ctx: Ctx, bank: string, heldBy: store.BankAccount['heldBy']): Promise<void> {
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const account = {
      ...{ bank, heldBy, accountId: await ensureAccount(tx, ctx, `1002:${bank}`) },
      feeAccountId: await ensureAccount(tx, ctx, '6602:channel'),
      roundingAccountId: await ensureAccount(tx, ctx, '6603:channel'),
    }
    await store.putBankAccount(tx, ctx.tenantId, account, ctx.kernel.clock.now())
  })
}

export interface BankTaken {
  /** Unchanged: these very bytes came before. */
  readonly outcome: 'taken' | 'unchanged'
  readonly name: string
  readonly day: string
  readonly rows: number
  /** Movements no earlier file had. */
  readonly fresh: number
}

/**
 * Takes a statement of the bank account. Each movement counts once by the bank's own number, in whatever file and order it comes;
 * what a number stood for before it must stand for again. Throws StatementRefused, and then nothing of the file counts.
 */
export async function takeBankFile(ctx: Ctx, input: { readonly name: string; readonly bytes: Buffer }): Promise<Result<BankTaken>> {
  const allowed = permit(ctx, 'payments.reconcile.decide')
  if (!allowed.ok) return allowed
  const sha256 = createHash('sha256').update(input.bytes).digest()
  const file = parseBankFile(input.bytes)
  const name = input.name.slice(0, NAME_CHARS_MAX)
  const { tenantId, kernel } = ctx
  return kernel.db.tx(tenantId, async tx => {
    await store.lockBank(tx, tenantId)
    if (!(await store.findBankAccount(tx, tenantId, file.bank))) return fail(errors.bank_unknown, { bank: file.bank })
    const seen = { name, day: file.day, rows: file.rows.length }
    if (await store.findBankFile(tx, tenantId, file.bank, sha256)) return ok({ ...seen, outcome: 'unchanged', fresh: 0 })
    const id = makeId(ctx)
    const closingFen = file.rows.at(-1)?.balanceFen ?? file.openingFen
    const { bank, openingFen } = file
    const sealed = kernel.vault.seal(tenantId, bytesCell(id), input.bytes)
    const receivedAt = kernel.clock.now()
    await store.insertBankFile(tx, tenantId, { ...seen, id, bank, openingFen, closingFen, receivedAt, sha256, by: ctx.actor.id, sealed })
    let fresh = 0
    for (const [i, row] of file.rows.entries()) {
      const purpose = purposeOf(row)
      const { party, mchid } = partyOf(purpose)
      const aboutDay = purpose.kind === 'other' ? dayOf(row.at) : purpose.day
      const { serial, at, amountFen } = row
      const m = { bank, serial, at, amountFen, fileId: id, line: i + 2, kind: purpose.kind, party, mchid, aboutDay }
      if (await store.insertMovement(tx, tenantId, m)) fresh++
      else await mustBeSame(tx, tenantId, m)
    }
    await append(tx, ctx, bankFileTaken, { subjectId: id, body: { bank, day: file.day, rows: seen.rows, fresh } })
    await bookPayouts(tx, ctx)
    return ok({ ...seen, outcome: 'taken', fresh })
  })
}

function partyOf(purpose: Purpose): { party: string; mchid: string } {
  switch (purpose.kind) {
    case 'settle':
      return { party: purpose.channel, mchid: purpose.mchid }
    case 'debit':
      return { party: purpose.bank, mchid: purpose.batchNo }
    case 'cash':
      return { party: '', mchid: purpose.drawer }
    case 'remit':
      return { party: purpose.billerId, mchid: '' }
    case 'other':
      return { party: '', mchid: '' }
  }
}

async function mustBeSame(tx: Tx, tenantId: number, m: store.Movement): Promise<void> {
  const known = await store.findMovement(tx, tenantId, m.bank, m.serial)
  const keys = ['amountFen', 'kind', 'party', 'mchid', 'aboutDay'] as const
  if (!known || keys.some(key => known[key] !== m[key]) || known.at.getTime() !== m.at.getTime())
    throw new StatementRefused('conflict', m.line, `${m.serial} was another movement before`)
}

/** Books every payout that can be booked; one may wait for another, so until none can. */
async function bookPayouts(tx: Tx, ctx: Ctx): Promise<void> {
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const m of await store.listUnbooked(tx, ctx.tenantId, 'settle', store.MOVES_MAX)) if (await bookPayout(tx, ctx, m)) isMoving = true
  }
  await bookTransit(tx, ctx)
}

/** SETTLE: the bank has it, the channel owes it no more; the channel kept its fee, discounts were ours, and each row's rounding is nobody's. */
async function bookPayout(tx: Tx, ctx: Ctx, m: store.Movement): Promise<boolean> {
  const { tenantId } = ctx
  const covered = coveredBy(await store.listOpenDays(tx, tenantId, m.party, m.mchid, m.aboutDay), m.aboutDay, m.amountFen)
  const merchant = await store.findMerchantOf(tx, tenantId, m.party, m.mchid)
  const account = await store.findBankAccount(tx, tenantId, m.bank)
  if (!covered || !merchant || !account) return false
  const grossFen = covered.days.reduce((sum, d) => sum + d.grossFen, 0)
  const discountFen = covered.days.reduce((sum, d) => sum + d.discountFen, 0)
  const feeFen = covered.days.reduce((sum, d) => sum + feeFenOf(d.feeE5), 0)
  const postings = [
    { accountId: account.accountId, amount: m.amountFen },
    { accountId: account.feeAccountId, amount: feeFen },
    { accountId: await ensureAccount(tx, ctx, `6601:${m.party}`), amount: discountFen },
    { accountId: account.roundingAccountId, amount: covered.roundingFen },
    { accountId: merchant.clearing, amount: -grossFen },
  ].filter(posting => posting.amount !== 0)
  await post(tx, ctx, { code: 'SETTLE', ref: store.bankRef(m), about: m.fileId, postings, effectiveAt: m.at })
  const at = ctx.kernel.clock.now()
  for (const d of covered.days) {
    const roundingFen = d.day === m.aboutDay ? covered.roundingFen : 0
    const { bank, serial, party: channel, mchid } = m
    await store.insertSettledDay(tx, tenantId, { ...d, channel, mchid, bank, serial, feeFen: feeFenOf(d.feeE5), roundingFen }, at)
  }
  await store.markBooked(tx, tenantId, m, at)
  const body = { channel: m.party, day: m.aboutDay, days: covered.days.length, amount_fen: m.amountFen, fee_fen: feeFen }
  await append(tx, ctx, payoutBooked, { subjectId: m.fileId, body })
  return true
}

/** What is wrong with payouts as things stand. */
async function payoutBreaks(tx: Tx, ctx: Ctx): Promise<MoneyBreak[]> {
  const { tenantId, kernel } = ctx
  const today = dayOf(kernel.clock.now())
  const breaks: MoneyBreak[] = []
  for (const m of await store.listUnbooked(tx, tenantId, 'settle', store.MOVES_MAX)) {
    const open = await store.listOpenDays(tx, tenantId, m.party, m.mchid, m.aboutDay)
    const expected = open.find(d => d.day === m.aboutDay)
    const isSettled = !expected && (await isDaySettled(tx, tenantId, m))
    // A statement may come after the money it explains.
    if (!expected && !isSettled && addDays(dayOf(m.at), CARRY_DAYS) >= today) continue
    const bookedFen = expected ? netOf(expected) : isSettled ? 0 : null
    breaks.push({
      ...{ class: 'settle_diff', severity: 1, channel: m.party, day: m.aboutDay, ref: store.bankRef(m), line: m.line },
      ...{ statedFen: m.amountFen, bookedFen, happenedAt: m.at, fileId: m.fileId },
    })
  }
  for (const m of await store.listUnbooked(tx, tenantId, 'other', store.MOVES_MAX))
    breaks.push({
      ...{ class: 'bank_only', severity: 2, channel: `bank:${m.bank}`, day: m.aboutDay, ref: store.bankRef(m), line: m.line },
      ...{ statedFen: m.amountFen, bookedFen: null, happenedAt: m.at, fileId: m.fileId },
    })
  const [newest] = await store.listBankFiles(tx, tenantId, 1)
  return [...breaks, ...(await transitBreaks(tx, ctx, newest)), ...(await missingPayouts(tx, ctx, today, newest))]
}

const isDaySettled = async (tx: Tx, tenantId: number, m: store.Movement): Promise<boolean> =>
  (await store.listPayoutDays(tx, tenantId, m.aboutDay, m.aboutDay)).some(
    d => d.channel === m.party && d.mchid === m.mchid && d.bookedAt !== null,
  )

/** Days whose money is overdue at the bank, and days whose statement was changed after it was paid. Before any bank file, none. */
async function missingPayouts(
  tx: Tx,
  { tenantId, kernel }: Ctx,
  today: string,
  newest: store.BankFileRow | undefined,
): Promise<MoneyBreak[]> {
  if (!newest) return []
  const days = await store.listPayoutDays(tx, tenantId, addDays(today, -store.LOOK_BACK_DAYS), today)
  return days
    .filter(d => d.isChanged || (d.bookedAt === null && netOf(d) > 0 && addDays(d.day, CARRY_DAYS) < newest.day))
    .map(d => ({
      ...{ class: 'settle_diff', severity: 1, channel: d.channel, day: d.day, line: null, happenedAt: d.bookedAt ?? kernel.clock.now() },
      ref: `${d.isChanged ? 'changed' : 'payout'}:${d.channel}:${d.mchid}:${d.day}`,
      ...{ statedFen: null, bookedFen: netOf(d), fileId: newest.id },
    }))
}

/** By itself: books what a statement explains by now, and lets what is wrong be seen. */
export async function runPayouts(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'payments.payouts')
  await kernel.db.tx(tenantId, async tx => {
    await store.lockBank(tx, tenantId)
    await bookPayouts(tx, ctx)
    await keepMoneyBreaks(tx, ctx, 'payouts', await payoutBreaks(tx, ctx))
  })
  return false
}

export interface BankView {
  readonly accounts: readonly store.BankAccount[]
  readonly files: readonly store.BankFileRow[]
  readonly days: readonly store.PayoutDay[]
  readonly debits: readonly TransitBatch[]
  readonly cash: Awaited<ReturnType<typeof listDrawerCash>>
}

/** The bank accounts, their files, and how the days of [from, to] were paid out. */
export async function viewBank(ctx: Ctx, from: string, to: string): Promise<Result<BankView>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      accounts: await store.listBankAccounts(tx, ctx.tenantId),
      files: await store.listBankFiles(tx, ctx.tenantId, FILES_SHOWN),
      days: await store.listPayoutDays(tx, ctx.tenantId, from, to),
      debits: await listTransit(tx, ctx.tenantId, from, to),
      cash: await listDrawerCash(tx, ctx.tenantId),
    }),
  )
}
