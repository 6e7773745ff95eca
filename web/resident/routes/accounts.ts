import type { FastifyReply, FastifyRequest } from 'fastify'
import { httpErrors, type Server } from '#kernel/http/server.ts'
import { periodLabel } from '#kernel/labels.ts'
import { dayOf } from '#kernel/time.ts'
import {
  type BillForPayer,
  type BillState,
  billingErrors,
  dueFen,
  findAccount,
  listBillers,
  listBindings,
  listOpenBills,
} from '#modules/billing/index.ts'
import { listShares } from '#modules/identity/index.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { cookieName, type Visit } from '#web/visit.ts'
import { billsPage } from '../bills.tsx'
import { paths } from '../paths.ts'
import type { Pages } from './pages.ts'
import { billerName, maskedAccount, serviceName } from './views.ts'

/**
 * Account numbers tried, over both forms that take one: few enough that nobody walks through them. An address may stand
 * for a hall full of people, a browser for one.
 */
export const LOOKUPS = { max: 120, timeWindow: '1 hour', groupId: 'look-up' }
const LOOKUPS_OF_BROWSER = { max: 20, timeWindow: '1 hour' }
const NO_ACCOUNT = '00000000-0000-0000-0000-000000000000'

export const billRow = (visit: Visit, state: BillState) => ({
  href: `/b/${state.bill.code}`,
  periodLabel: periodLabel(visit.ctx.lang, state.bill.periodFrom, state.bill.periodTo),
  billNo: state.bill.billNo,
  amountFen: dueFen(state),
  dueOn: state.bill.dueOn,
  isOverdue: state.bill.dueOn < dayOf(visit.ctx.kernel.clock.now()),
})

export async function billers(visit: Visit) {
  return (await listBillers(visit.ctx)).map(b => ({
    id: b.id,
    service: serviceName(visit.ctx.lang, b),
    name: billerName(visit.ctx.lang, b),
  }))
}

export async function showBills(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  account: { id: string; accountNo: string; billerId: string },
): Promise<FastifyReply> {
  const open = await listOpenBills(visit.ctx, [account.id])
  const biller = (await listBillers(visit.ctx)).find(b => b.id === account.billerId)!
  return pages.html(
    reply,
    billsPage(visit.page, {
      service: serviceName(visit.ctx.lang, biller),
      accountMasked: maskedAccount(account.accountNo),
      bills: open.map(state => billRow(visit, state)),
      isOldestFirst: biller.config.partial_payment === 'oldest_first',
    }),
  )
}

/**
 * The open bills behind an account number somebody typed. Without any there is an error for its field; neither where the
 * biller is unknown.
 */
export async function lookUp(
  visit: Visit,
  billerId: string,
  typed: string,
): Promise<{ open: readonly BillState[]; account?: { id: string; accountNo: string; billerId: string }; error?: FieldError }> {
  const { ctx } = visit
  const found = await findAccount(ctx, billerId, typed)
  // One question either way: an account without an open bill answers like a number nobody has.
  const open = await listOpenBills(ctx, [found.ok ? found.value.id : NO_ACCOUNT])
  if (found.ok && open.length > 0) return { open, account: found.value }
  const code = found.ok ? billingErrors.account_not_found.code : found.error.code
  if (code === billingErrors.biller_not_found.code) return { open }
  const name = typed.trim() === '' ? 'accountEmpty' : code === billingErrors.account_no_malformed.code ? 'accountFormat' : 'accountNothing'
  const digits = (await listBillers(ctx)).find(b => b.id === billerId)?.config.account.length ?? ''
  return { open, error: fieldError(ctx.lang, name, { digits }) }
}

/** Answers too many tries of one browser; undefined while it may go on. */
export type Limit = (visit: Visit, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>

export const lookUpLimit = (server: Server, pages: Pages): Limit => browserLimit(server, pages, LOOKUPS_OF_BROWSER)

export function browserLimit(server: Server, pages: Pages, most: { max: number; timeWindow: string }): Limit {
  const name = cookieName(pages.options.kernel, 'browser')
  const count = server.createRateLimit({ ...most, keyGenerator: request => request.cookies[name] ?? request.ip })
  return async (visit, request, reply) => {
    const counted = await count(request)
    if (counted.isAllowed || !counted.isExceeded) return undefined
    pages.refused(visit, httpErrors.too_many_requests, `POST ${request.routeOptions.url ?? ''}`)
    return pages.error(visit, reply.header('retry-after', String(counted.ttlInSeconds)), httpErrors.too_many_requests)
  }
}

export type Kept = Awaited<ReturnType<typeof listBindings>>[number] & {
  /** Set when it is a family member's: the share it comes by and, masked, who gave it. */
  readonly share?: { readonly id: string; readonly by: string }
}

/**
 * Accounts a visitor keeps, then those family members share with them. Shares are read each time, so one that was ended
 * shows nothing any more. What somebody merely pays for others is not theirs to share.
 */
export async function listKept(visit: Visit): Promise<Kept[]> {
  const own: Kept[] = await listBindings(visit.ctx, visit.payers)
  if (!visit.resident) return own
  const shares = await listShares(visit.ctx, visit.resident.id)
  if (!shares.ok) return own
  const kept = new Map(own.map(k => [k.id, k]))
  for (const { id, ownerId, ownerMasked } of shares.value.received) {
    const theirs = await listBindings(visit.ctx, [`resident:${ownerId}`])
    // The name the owner gave it is the owner's alone.
    for (const k of theirs.filter(k => k.relation !== 'helper' && !kept.has(k.id)))
      kept.set(k.id, { ...k, nickname: null, share: { id, by: ownerMasked } })
  }
  return [...kept.values()]
}

/** Where the older bills of an account are: with those who keep it, else behind the number printed on the bill. */
export async function olderHref(visit: Visit, { bill, biller, checks }: BillForPayer): Promise<string> {
  const isKept = checks.some(check => check.key === 'older_open') && (await listKept(visit)).some(kept => kept.id === bill.accountId)
  return isKept ? `/mine/households/${bill.accountId}/bills` : `${paths.payAccount}?biller=${biller.id}`
}
