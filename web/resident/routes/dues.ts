import type { Server } from '#kernel/http/server.ts'
import { periodLabel } from '#kernel/labels.ts'
import { dayOf } from '#kernel/time.ts'
import { dueFen, findDebitOf, listBillers, listOpenBills } from '#modules/billing/index.ts'
import type { Visit } from '#web/visit.ts'
import { type DuesView, duesPage } from '../dues.tsx'
import { paths } from '../paths.ts'
import { type Kept, listKept } from './accounts.ts'
import type { Pages } from './pages.ts'
import { maskedAccount, serviceName } from './views.ts'

/** Whose an account is in the eyes of the visitor: shared by family, kept for somebody else, or one's own. */
const whoOf = (kept: Kept): string => kept.share?.by ?? (kept.relation === 'helper' ? (kept.nickname ?? maskedAccount(kept.accountNo)) : '')

async function duesOf(visit: Visit): Promise<DuesView> {
  const { ctx } = visit
  const kept = await listKept(visit)
  const open = await listOpenBills(
    ctx,
    kept.map(k => k.id),
  )
  const services = new Map((await listBillers(ctx)).map(b => [b.id, serviceName(ctx.lang, b)]))
  const today = dayOf(ctx.kernel.clock.now())
  const groups = new Map<string, DuesView['groups'][number]['accounts'][number][]>()
  for (const account of kept) {
    const who = whoOf(account)
    const bills = open
      .filter(state => state.bill.accountId === account.id)
      .map(state => ({
        href: `/b/${state.bill.code}`,
        periodLabel: periodLabel(ctx.lang, state.bill.periodFrom, state.bill.periodTo),
        amountFen: dueFen(state),
        dueOn: state.bill.dueOn,
        isOverdue: state.bill.dueOn < today,
        isBeingPaid: state.claim?.state === 'open',
      }))
    const isDebited = (await findDebitOf(ctx, account.id)) !== undefined
    const name = `${services.get(account.billerId) ?? ''} ${account.nickname ?? maskedAccount(account.accountNo)}`
    groups.set(who, [...(groups.get(who) ?? []), { name, isDebited, bills }])
  }
  const due = open.filter(state => state.claim?.state !== 'open')
  return {
    groups: [...groups]
      .sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : 0))
      .map(([who, accounts]) => ({ ...(who && { who }), accounts })),
    count: due.length,
    totalFen: due.reduce((sum, state) => sum + dueFen(state), 0),
  }
}

/** One page for whoever pays for others too: what is due, for whom, and what pays itself. */
export function addDueRoutes(server: Server, pages: Pages): void {
  server.get(paths.dues, { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    return pages.html(reply, duesPage(visit.page, await duesOf(visit)))
  })
}
