import { type BillView, billPage } from '#web/resident/bill.tsx'
import { type DoneView, donePage } from '#web/resident/done.tsx'
import { errorPage } from '#web/resident/error.tsx'
import { homePage } from '#web/resident/home.tsx'
import { notOpenPage } from '#web/resident/not-open.tsx'
import { waitingPage } from '#web/resident/waiting.tsx'
import { fieldError } from '#web/ui/field-errors.ts'
import { t } from '#web/ui/messages.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, receiptSample, type Sample } from './sample-views.ts'
import { debitSamples } from './samples-debits.tsx'
import { deskSamples } from './samples-desk.tsx'
import { disputeSamples } from './samples-disputes.tsx'
import { kioskSamples } from './samples-kiosk.tsx'
import { pastSamples } from './samples-past.tsx'
import { productSamples } from './samples-products.tsx'
import { residentSamples } from './samples-resident.tsx'

export const billView = (ctx: PageContext, extra: Partial<BillView> = {}): BillView => ({
  biller: pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)'),
  service: pick(ctx, '水费', 'Water'),
  periodLabel: pick(ctx, '2026年9–10月', 'Sep–Oct 2026'),
  amountFen: 13195,
  lateFeeFen: 0,
  due: { on: '2026-11-30', isOver: false },
  who: pick(ctx, '户号 **** 2817，梧桐里***，户主王**', 'Account **** 2817, 梧桐里***, 王**'),
  precheck: [
    { level: 'warn', key: 'amount_far', params: { times: '2.3' }, href: '/help' },
    { level: 'ok', key: 'not_paid' },
    { level: 'ok', key: 'account_ok' },
    { level: 'ok', key: 'biller_ok', params: { biller: pick(ctx, '自来水公司', 'The water company') } },
  ],
  lines: [
    { name: pick(ctx, '一阶水费', 'Water, tier 1'), quantity: 36, unit: 'm³', unitPriceE4: 19500, amountFen: 7020 },
    { name: pick(ctx, '二阶水费', 'Water, tier 2'), quantity: 5, unit: 'm³', unitPriceE4: 29200, amountFen: 1460 },
    { name: pick(ctx, '水资源税', 'Water resource tax'), quantity: 41, unit: 'm³', unitPriceE4: 2000, amountFen: 820 },
    { name: pick(ctx, '污水处理费', 'Sewage'), quantity: 41, unit: 'm³', unitPriceE4: 9500, amountFen: 3895 },
  ],
  reading: {
    from: 1284,
    to: 1325,
    usage: 41,
    unit: 'm³',
    tiers: [
      { name: pick(ctx, '一阶', 'Tier 1'), from: 0, upTo: 36 },
      { name: pick(ctx, '二阶', 'Tier 2'), from: 37, upTo: 60 },
      { name: pick(ctx, '三阶', 'Tier 3'), from: 61, upTo: null },
    ],
  },
  history: [
    { label: '9–10', usage: 32, amountFen: 9920, kind: 'compare' },
    { label: '11–12', usage: 33, amountFen: 10230, kind: 'older' },
    { label: '1–2', usage: 31, amountFen: 9610, kind: 'older' },
    { label: '3–4', usage: 30, amountFen: 9300, kind: 'older' },
    { label: '5–6', usage: 33, amountFen: 10230, kind: 'older' },
    { label: '7–8', usage: 37, amountFen: 11470, kind: 'recent' },
    { label: '9–10', usage: 41, amountFen: 13195, kind: 'this' },
  ],
  ways: [{ id: 'wechat' }, { id: 'alipay' }, { id: 'cash' }],
  payAction: '/b/7m3kq2x9d4/pay',
  quote: 'q1.sample',
  idempotencyKey: '0192f3a4-0000-7000-8000-000000000001',
  ...extra,
})

const doneView = (ctx: PageContext, extra: Partial<DoneView> = {}): DoneView => ({
  receipt: receiptSample(ctx.lang),
  posting: 'sent',
  postedBy: new Date('2026-11-20T01:00:00Z'),
  heldUntil: new Date('2026-11-19T02:34:00Z'),
  proof: 'pending',
  links: {
    print80: '/r/8k2/80mm',
    printA4: '/r/8k2/a4',
    pdf: '/r/8k2/receipt.pdf',
    json: '/r/8k2/receipt.json',
    wrongPayment: '/r/8k2/wrong',
    autoDebit: '/mine/auto-debit',
  },
  ...extra,
})

const until = new Date('2026-11-19T02:34:36Z')
const undo = { until, secondsLeft: 582, secondsTotal: 600, action: '/r/8k2/undo', idempotencyKey: '0192f3a4-0000-7000-8000-000000000002' }

const paySamples: readonly Sample[] = [
  {
    name: 'home',
    render: ctx =>
      homePage(ctx, {
        due: {
          service: pick(ctx, '水费', 'Water'),
          account: pick(ctx, '户号 **** 2817', 'Account **** 2817'),
          amountFen: 13195,
          dueOn: '2026-11-30',
          isOverdue: false,
          href: '/b/7m3kq2x9d4',
        },
        hall: {
          name: pick(ctx, '梧桐里社区服务中心', 'Wutongli Service Centre'),
          hours: pick(ctx, '今天8:30–17:00，周六上午照常', 'Today 8:30–17:00, Saturday morning too'),
          isOpen: true,
        },
        notOpen: ['services', 'queue', 'report'],
      }),
  },
  {
    name: 'not-open',
    render: ctx =>
      notOpenPage(ctx, {
        door: 'services',
        place: ctx.tenantName,
        windows: [
          {
            name: pick(ctx, '梧桐里社区服务中心', 'Wutongli Service Centre'),
            hours: pick(ctx, '工作日8:30–17:00', 'Weekdays 8:30–17:00'),
            address: pick(ctx, '梧桐路18号一层', '18 Wutong Road, ground floor'),
          },
        ],
      }),
  },
  { name: 'bill', render: ctx => billPage(ctx, billView(ctx)) },
  {
    name: 'bill-part-error',
    render: ctx => {
      const errors = [{ field: 'part', text: t(ctx.lang)('part.error', { min: '10.00', max: '131.94' }) }]
      const offer = { action: '/b/7m3kq2x9d4', minFen: 1_000, maxFen: 13_194, typed: '5', errors }
      return billPage(ctx, billView(ctx, { errors, rebateFen: 264, parts: { paidFen: 0, offer } }))
    },
  },
  {
    name: 'bill-part',
    render: ctx => {
      const chosen = { amountFen: 5_000, principalFen: 4_880, lateFeeFen: 120, leftFen: 5_195, wholeHref: '/b/7m3kq2x9d4' }
      return billPage(ctx, billView(ctx, { amountFen: 5_000, lateFeeFen: 120, parts: { paidFen: 3_000, chosen } }))
    },
  },
  {
    name: 'bill-overdue-error',
    render: ctx =>
      billPage(
        ctx,
        billView(ctx, {
          due: { on: '2026-11-30', isOver: true },
          lateFeeFen: 120,
          amountFen: 13315,
          precheck: [
            { level: 'warn', key: 'late_fee', params: { amount: '1.20' } },
            { level: 'warn', key: 'being_paid', params: { minutes: 7 } },
          ],
          errors: [fieldError(ctx.lang, 'wayMissing')],
        }),
      ),
  },
  {
    name: 'bill-blocked',
    render: ctx => billPage(ctx, billView(ctx, { precheck: [{ level: 'stop', key: 'account_closed' }], history: [], reading: undefined })),
  },
  {
    name: 'waiting',
    render: ctx =>
      waitingPage(ctx, {
        orderNo: '20261119-004817',
        amountFen: 13195,
        service: pick(ctx, '水费', 'Water'),
        biller: pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)'),
        startedAt: new Date('2026-11-19T02:24:30Z'),
        money: 'unknown',
        checkHref: '/o/1?check=1',
        pollHref: '/o/1/state',
        liveHref: '/o/1/live',
        payHref: '/o/1/qr',
        cancelAction: '/o/1/cancel',
        idempotencyKey: 'k3',
      }),
  },
  { name: 'done', render: ctx => donePage(ctx, doneView(ctx, { posting: 'held', undo })) },
  { name: 'done-later', render: ctx => donePage(ctx, doneView(ctx, { posting: 'posted', proof: 'anchored' })) },
  {
    name: 'done-undone',
    render: ctx =>
      donePage(
        ctx,
        doneView(ctx, {
          posting: 'refused',
          refund: { amountFen: 13195, stage: 'channel', cause: 'refused', way: pick(ctx, '微信', 'WeChat') },
        }),
      ),
  },
  ...([404, 403, 409, 429, 500, 503] as const).map(status => ({
    name: `error-${status}`,
    render: (ctx: PageContext) =>
      errorPage(ctx, {
        status,
        money: status === 500 ? ('charged_pending' as const) : status === 409 || status === 503 ? ('not_charged' as const) : undefined,
        requestId: '01JD8Z-4817',
        retryHref: status >= 409 ? '/pay' : undefined,
        retryAfterS: 60,
      }),
  })),
]

export const samples: readonly Sample[] = [
  ...paySamples,
  ...residentSamples,
  ...debitSamples,
  ...disputeSamples,
  ...productSamples,
  ...deskSamples,
  ...kioskSamples(billView),
  ...pastSamples,
]
