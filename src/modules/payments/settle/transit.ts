import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { mapBalances, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { payoutBooked } from '../events.ts'
import { CASH, DEBIT } from '../model.ts'
import { CARRY_DAYS } from '../reconcile/model.ts'
import type { MoneyBreak } from './breaks.ts'
import * as store from './store.ts'

// What a bank debits by file it pays over batch by batch, and takes back what is returned later. A batch's account in transit holds what
// the bank's own return files say it owes; a movement is booked when it is that, alone or with the others of its batch. The cash of
// a drawer is carried there in whatever portions; a deposit is booked when the drawer took as much.

const KINDS = ['debit', 'cash'] as const
type Kind = (typeof KINDS)[number]
const CHANNEL: Readonly<Record<Kind, string>> = { debit: DEBIT, cash: CASH }

const keyOf = (m: Pick<store.Movement, 'kind' | 'party' | 'mchid'>): string => (m.kind === 'debit' ? `${m.party}:${m.mchid}` : m.mchid)

interface Waiting {
  readonly transit: number | undefined
  /** What the bank is still to have; of a batch negative when it paid more than it owes. */
  readonly owedFen: number
  readonly moves: readonly store.UnbookedMovement[]
}

/** Movements not booked yet by batch or drawer, with what is waited for. */
async function listWaiting(tx: Tx, tenantId: number, kind: Kind): Promise<Waiting[]> {
  const waiting = Map.groupBy(await store.listUnbooked(tx, tenantId, kind, store.MOVES_MAX), keyOf)
  const transit = await store.mapTransit(tx, tenantId, CHANNEL[kind], [...waiting.keys()])
  const owed = await mapBalances(tx, tenantId, [...transit.values()])
  return [...waiting].map(([key, moves]) => {
    const account = transit.get(key)
    return { transit: account, owedFen: account === undefined ? 0 : (owed.get(account) ?? 0), moves }
  })
}

/** Which of a batch's movements make what is owed: one alone, or all together. */
export function coveredMoves<M extends { readonly amountFen: number }>(owedFen: number, moves: readonly M[]): readonly M[] {
  const one = moves.find(move => move.amountFen === owedFen)
  if (one) return [one]
  return moves.reduce((sum, move) => sum + move.amountFen, 0) === owedFen ? moves : []
}

/** Deposits, the oldest first, as far as the drawer's money goes. */
export function coveredDeposits<M extends { readonly amountFen: number }>(owedFen: number, moves: readonly M[]): readonly M[] {
  let leftFen = owedFen
  return moves.filter(move => {
    const isCovered = move.amountFen <= leftFen
    if (isCovered) leftFen -= move.amountFen
    return isCovered
  })
}

const COVERED = { debit: coveredMoves, cash: coveredDeposits } as const

/** SETTLE: debits the bank paid over and cash that was carried there are on the account, and no longer in transit. */
export async function bookTransit(tx: Tx, ctx: Ctx): Promise<void> {
  for (const kind of KINDS) for (const waiting of await listWaiting(tx, ctx.tenantId, kind)) await bookWaiting(tx, ctx, kind, waiting)
}

async function bookWaiting(tx: Tx, ctx: Ctx, kind: Kind, { transit, owedFen, moves }: Waiting): Promise<void> {
  const at = ctx.kernel.clock.now()
  if (transit !== undefined)
    for (const m of COVERED[kind](owedFen, moves)) {
      const account = (await store.findBankAccount(tx, ctx.tenantId, m.bank))!
      const postings = [
        { accountId: account.accountId, amount: m.amountFen },
        { accountId: transit, amount: -m.amountFen },
      ]
      await post(tx, ctx, { code: 'SETTLE', ref: store.bankRef(m), about: m.fileId, postings, effectiveAt: m.at })
      await store.markBooked(tx, ctx.tenantId, m, at)
      const body = { channel: CHANNEL[kind], day: m.aboutDay, days: 1, amount_fen: m.amountFen, fee_fen: 0 }
      await append(tx, ctx, payoutBooked, { subjectId: m.fileId, body })
    }
}

/** Movements no return file and no drawer explains after some days, and batches whose money is overdue. */
export async function transitBreaks(tx: Tx, ctx: Ctx, newest: store.BankFileRow | undefined): Promise<MoneyBreak[]> {
  const { tenantId, kernel } = ctx
  const today = dayOf(kernel.clock.now())
  const grave = { class: 'settle_diff', severity: 1 } as const
  const waiting = { debit: await listWaiting(tx, tenantId, 'debit'), cash: await listWaiting(tx, tenantId, 'cash') }
  const odd = [...waiting.debit, ...waiting.cash].flatMap(({ transit, owedFen, moves }) =>
    moves
      .filter(m => addDays(dayOf(m.at), CARRY_DAYS) < today)
      .map(m => ({
        ...{ ...grave, channel: CHANNEL[m.kind as Kind], day: m.aboutDay, ref: store.bankRef(m), line: m.line },
        ...{ statedFen: m.amountFen, bookedFen: transit === undefined ? null : owedFen, happenedAt: m.at, fileId: m.fileId },
      })),
  )
  if (!newest) return odd
  const asked = new Set(waiting.debit.flatMap(({ moves }) => moves.map(keyOf)))
  const overdue = (await listTransit(tx, tenantId, addDays(today, -store.LOOK_BACK_DAYS), addDays(newest.day, -CARRY_DAYS - 1)))
    .filter(b => b.owedFen !== 0 && !asked.has(b.batch))
    .map(b => ({
      ...{ ...grave, channel: DEBIT, day: b.day, ref: `payout:${DEBIT}:${b.batch}`, line: null, happenedAt: kernel.clock.now() },
      ...{ statedFen: null, bookedFen: b.owedFen, fileId: newest.id },
    }))
  return [...odd, ...overdue]
}

export interface TransitBatch {
  /** 'BANK:NUMBER' */
  readonly batch: string
  readonly day: string
  /** What the bank still owes of it. */
  readonly owedFen: number
  readonly paidFen: number
}

/** Batches of [from, to] that brought anything, newest first. */
export async function listTransit(tx: Tx, tenantId: number, from: string, to: string): Promise<TransitBatch[]> {
  const rows = await store.listTransitBatches(tx, tenantId, from, to)
  const owed = await mapBalances(
    tx,
    tenantId,
    rows.map(row => row.account),
  )
  return rows
    .map(({ batch, day, paidFen, account }) => ({ batch, day, paidFen, owedFen: owed.get(account) ?? 0 }))
    .filter(row => row.owedFen !== 0 || row.paidFen !== 0)
}

/** What each drawer took and the bank does not have yet, floats aside. */
export async function listDrawerCash(tx: Tx, tenantId: number): Promise<{ readonly drawer: string; readonly fen: number }[]> {
  const rows = await store.listDrawerAccounts(tx, tenantId)
  const held = await mapBalances(
    tx,
    tenantId,
    rows.map(row => row.account),
  )
  return rows.map(({ drawer, account }) => ({ drawer, fen: held.get(account) ?? 0 })).filter(row => row.fen !== 0)
}
