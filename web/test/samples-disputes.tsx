import { deskDisputePage, disputesPage } from '#web/disputes/desk.tsx'
import { type DisputeView, disputePage } from '#web/disputes/page.tsx'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, type Sample } from './sample-views.ts'

const bill = (ctx: PageContext) => ({
  service: pick(ctx, '水费', 'Water'),
  biller: pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)'),
  periodLabel: pick(ctx, '2026年9–10月', 'Sep–Oct 2026'),
  accountMasked: '**** 2817',
  amountFen: 13_195,
})
const at = new Date('2026-11-19T03:00:00Z')
const answer = (ctx: PageContext) => pick(ctx, '读数录错了，会按 1325 重开。', 'The reading was typed wrongly; a new bill by 1325 follows.')
const resident = (ctx: PageContext, more: Partial<DisputeView>): string =>
  disputePage({ ...ctx, signedIn: { name: pick(ctx, '王**', 'W**') } }, { bill: { ...bill(ctx), href: '/b/7m3kq2x9d4' }, days: 3, ...more })
const form = { action: '/b/7m3kq2x9d4/dispute', idempotencyKey: '0192f3a4-0000-7000-8000-000000000004' }
const staff = (ctx: PageContext) => ({ ...ctx, signedIn: { name: pick(ctx, '张敏', 'Zhang Min') } })
const deskBill = (ctx: PageContext) => ({
  ...{ ...bill(ctx), href: '/staff/bills/1', no: 'W26110000002', dueOn: '2026-11-30' },
  state: pick(ctx, '未缴', 'Unpaid'),
})

export const disputeSamples: readonly Sample[] = [
  {
    name: 'dispute-form',
    render: ctx =>
      resident(ctx, { form: { ...form, errors: [{ field: 'reason', text: pick(ctx, '请选哪里不对', 'Choose what is wrong') }] } }),
  },
  { name: 'dispute-first', render: ctx => resident(ctx, { first: 'keep' }) },
  { name: 'dispute-over', render: ctx => resident(ctx, { isOver: true }) },
  ...(['open', 'upheld', 'corrected', 'kept'] as const).map(
    (stage): Sample => ({
      name: `dispute-${stage}`,
      render: ctx =>
        resident(ctx, {
          standing: {
            ...{
              stage,
              reason: 'reading',
              note: pick(ctx, '表上现在是 1234', 'The meter shows 1234 now'),
              askedAt: at,
              dueOn: '2026-11-24',
            },
            ...(stage === 'open' ? { withdrawAction: '/b/7m3kq2x9d4/dispute/withdraw' } : { answer: answer(ctx), answeredAt: at }),
          },
        }),
    }),
  ),
  {
    name: 'staff-disputes',
    surface: 'desk',
    render: ctx =>
      disputesPage(staff(ctx), {
        rows: [
          {
            ...{ href: '/staff/bills/1/dispute', text: `${bill(ctx).service} ${bill(ctx).periodLabel}`, accountMasked: '**** 2817' },
            ...{ reason: pick(ctx, '抄表读数不对', 'Meter reading wrong'), amountFen: 13_195 },
            ...{ waits: pick(ctx, '4天', '4 days'), dueAt: at, isLate: true },
          },
        ],
        total: 1,
        pager: { page: 1, pages: 1 },
        notice: { kind: 'answered', days: 3 },
      }),
  },
  {
    name: 'staff-dispute',
    surface: 'desk',
    render: ctx =>
      deskDisputePage(staff(ctx), {
        bill: deskBill(ctx),
        standing: {
          ...{ stage: 'open', byWindow: true, reason: pick(ctx, '抄表读数不对', 'Meter reading wrong'), askedAt: at, dueAt: at },
          note: pick(ctx, '表上现在是 1234', 'The meter shows 1234 now'),
        },
        answer: { ...form, action: '/staff/bills/1/dispute/answer' },
        withdrawAction: '/staff/bills/1/dispute/withdraw',
      }),
  },
  {
    name: 'staff-dispute-ask',
    surface: 'desk',
    render: ctx => deskDisputePage(staff(ctx), { bill: deskBill(ctx), ask: { ...form, action: '/staff/bills/1/dispute' } }),
  },
]
