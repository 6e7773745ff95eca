import { z } from 'zod'
import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { append, defineEvent, subscribe, unfolded } from '#modules/trail/index.ts'
import { assertBalanced, type Posting, type Template, type Unit } from './model.ts'
import * as store from './store.ts'

/** Any event that books carries these two lists; the fold needs nothing else. */
export const postingsBody = { accounts: z.array(z.int()), amounts: z.array(z.int()) }

export const journalPosted = defineEvent({
  type: 'ledger.journal_posted',
  version: 1,
  subject: 'journal',
  body: z.object({ code: z.string(), unit: z.string(), ...postingsBody }),
})

const FOLD = 'ledger.fold'

/** Opens the account on first use. `code` is the chart's number and its dimensions, e.g. '2202:water'. */
export async function ensureAccount(tx: Tx, ctx: Ctx, code: string, unit: Unit = 'fen'): Promise<number> {
  const found = await store.findAccount(tx, ctx.tenantId, code)
  const account = found ?? (await store.insertAccount(tx, ctx.tenantId, code, unit, ctx.kernel.clock.now()))
  if (account.unit !== unit) throw new Error(`account ${code} is kept in ${account.unit}, not ${unit}`)
  return account.id
}

/**
 * Books a journal in the caller's transaction and tells the trail. `ref` is the document booked, `about` what of ours it
 * belongs to. Doing it again for the same document changes nothing and answers false; by another template it is a fault.
 */
export async function post(
  tx: Tx,
  ctx: Ctx,
  journal: {
    code: Template
    ref: string
    about: string
    postings: readonly Posting[]
    unit?: Unit
    effectiveAt?: Date
    reverses?: Template
  },
): Promise<boolean> {
  assertBalanced(journal.postings)
  const { code, ref, unit = 'fen', effectiveAt = ctx.kernel.clock.now() } = journal
  if (!(await store.insertJournal(tx, ctx.tenantId, { ...journal, unit, effectiveAt }, journal.postings))) {
    const booked = journal.reverses === undefined ? await store.findJournal(tx, ctx.tenantId, ref) : undefined
    if (booked && booked.code !== code) throw new Error(`document ${ref} is booked as ${booked.code}, not ${code}`)
    return false
  }
  const accounts = journal.postings.map(p => p.accountId)
  const amounts = journal.postings.map(p => p.amount)
  await append(tx, ctx, journalPosted, { subjectId: ref, body: { code, unit, accounts, amounts } })
  return true
}

/** What a document was booked for: whose it is and the sum of its debits. */
export async function findBooking(tx: Tx, tenantId: number, ref: string): Promise<{ about: string; amount: number } | undefined> {
  const found = await store.findJournal(tx, tenantId, ref)
  return found && { about: found.about, amount: found.amounts.reduce((sum, amount) => sum + Math.max(amount, 0), 0) }
}

/** Of these documents, those booked on an account, whenever that was. */
export async function findBookings(
  tx: Tx,
  tenantId: number,
  refs: readonly string[],
  accountId: number,
): Promise<Map<string, { about: string; amount: number }>> {
  return new Map((await store.findMovements(tx, tenantId, refs, accountId)).map(row => [row.ref, row]))
}

/** Exact negation of a journal, at most once. False when it was reversed before. */
export async function reverse(tx: Tx, ctx: Ctx, ref: string): Promise<boolean> {
  const journal = await store.findJournal(tx, ctx.tenantId, ref)
  if (!journal) throw new Error(`no journal for ${ref}`)
  const { code, about, unit } = journal
  const postings = journal.accounts.map((accountId, i) => ({ accountId, amount: -journal.amounts[i]! }))
  return post(tx, ctx, { code: 'REVERSAL', ref, about, postings, unit, reverses: code })
}

/** Balance of every account as of this instant: what is folded plus what the trail holds after the fold. */
export const listBalances = (tx: Tx, tenantId: number) => store.exactBalances(tx, tenantId, unfolded(tenantId, FOLD))

/** The same of some accounts, by their numbers. */
export const mapBalances = async (tx: Tx, tenantId: number, accountIds: readonly number[]): Promise<Map<number, number>> =>
  new Map((await store.exactBalances(tx, tenantId, unfolded(tenantId, FOLD), accountIds)).map(row => [row.accountId, row.amount]))

export function registerFold(): void {
  subscribe({
    name: FOLD,
    types: '*',
    async handleBatch({ tx, tenantId, entries }) {
      const sums = new Map<number, { amount: number; entries: number }>()
      for (const { body } of entries) {
        const { accounts, amounts } = body as { accounts?: number[]; amounts?: number[] }
        accounts?.forEach((account, i) => {
          const sum = sums.get(account) ?? { amount: 0, entries: 0 }
          sums.set(account, { amount: sum.amount + amounts![i]!, entries: sum.entries + 1 })
        })
      }
      await store.addToBalances(tx, tenantId, sums)
    },
  })
}
