import { bankPage } from '#web/staff/bank/page.tsx'
import { cardBillPage, cardDonePage, cardPayoutsPage } from '#web/staff/card/page.tsx'
import { deskBillPage, orderPage, staffErrorPage } from '#web/staff/records.tsx'
import { searchPage } from '#web/staff/search.tsx'
import { secondFactorPage, staffSignInPage } from '#web/staff/sign-in.tsx'
import { fieldError } from '#web/ui/field-errors.ts'
import { galleryPage } from '#web/ui/gallery.tsx'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, type Sample } from './sample-views.ts'

const staff = (ctx: PageContext): PageContext => ({ ...ctx, signedIn: { name: pick(ctx, '收费岗 赵**', 'Cashier Z**') } })
const at = new Date('2026-11-19T02:24:36Z')
const water = (ctx: PageContext) => pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)')
const period = (ctx: PageContext) => pick(ctx, '2026年9–10月', 'Sep–Oct 2026')
const paid = (ctx: PageContext) => ({ text: pick(ctx, '已付', 'Paid'), tone: 'ok' as const })

const timeline = (ctx: PageContext) => [
  { at, actor: pick(ctx, '居民（匿名）', 'Resident (anonymous)'), text: pick(ctx, '扫码打开账单', 'Opened the bill by its code') },
  {
    at: new Date(+at + 9000),
    actor: pick(ctx, '居民（匿名）', 'Resident (anonymous)'),
    text: pick(ctx, '确认支付131.95元', 'Confirmed 131.95 yuan'),
  },
  {
    at: new Date(+at + 15000),
    actor: pick(ctx, '微信支付', 'WeChat Pay'),
    text: pick(ctx, '通知付款成功', 'Reported success'),
    detail: pick(ctx, '签名已验，金额一致', 'Signature checked, amounts equal'),
  },
  {
    at: new Date(+at + 16000),
    actor: pick(ctx, '系统', 'System'),
    text: pick(ctx, '等待交给收费单位', 'Waiting to tell the biller'),
    isNow: true,
  },
]

export const deskSamples: readonly Sample[] = [
  {
    name: 'staff-card',
    surface: 'desk',
    render: ctx =>
      cardBillPage(staff(ctx), {
        what: `${pick(ctx, '水费', 'Water')} ${period(ctx)}`,
        ...{ amountFen: 13_195, action: '/staff/cash/bills/1/card', cashHref: '/staff/cash/bills/1', quote: 'q', idempotencyKey: 'k' },
        values: { terminal: 'T1234567', reference: '12' },
        errors: [{ field: 'reference', text: pick(ctx, '参考号是12位数字', 'A reference has 12 digits') }],
      }),
  },
  {
    name: 'staff-card-done',
    surface: 'desk',
    render: ctx =>
      cardDonePage(staff(ctx), {
        what: `${pick(ctx, '水费', 'Water')} ${period(ctx)}`,
        ...{ receiptNo: '20261119-000017', amountFen: 13_195, printHref: '/staff/orders/1/print-80' },
      }),
  },
  {
    name: 'staff-card-refunds',
    surface: 'desk',
    render: ctx =>
      cardPayoutsPage(
        staff(ctx),
        [
          {
            ...{ refundId: '1', text: `${pick(ctx, '水费', 'Water')} ${period(ctx)}`, href: '/staff/orders/1', amountFen: 13_195 },
            ...{ terminal: 'T1234567', reference: '000000000017', last4: '6217', paidOn: '2026-11-19' },
          },
        ],
        'returned',
      ),
  },
  {
    name: 'staff-bank',
    surface: 'desk',
    render: ctx =>
      bankPage(staff(ctx), {
        hasAccount: true,
        isOwn: true,
        payouts: [
          {
            ...{ day: '2026-11-18', channel: pick(ctx, '微信支付', 'WeChat Pay'), grossFen: 1_204_500, feeFen: 7_221, netFen: 1_196_279 },
            ...{ discountFen: 1_000, roundingFen: 2, state: { text: pick(ctx, '已到账', 'Arrived'), tone: 'ok' } },
          },
          {
            ...{ day: '2026-11-17', channel: pick(ctx, '支付宝', 'Alipay'), grossFen: 88_000, feeFen: 528, netFen: 87_472 },
            ...{ discountFen: 0, roundingFen: 0, state: { text: pick(ctx, '未到账', 'Not yet'), tone: 'warn' } },
          },
        ],
        owed: [{ biller: water(ctx), days: 2, from: '2026-11-17', to: '2026-11-18', netFen: 912_340 }],
        cash: [
          { drawer: 'A1', fen: 123_450 },
          { drawer: 'A2', fen: 9_900 },
        ],
        files: [{ day: '2026-11-19', bank: 'icb', rows: 3, closingFen: 2_310_045 }],
        notice: 'taken',
        upload: { action: '/staff/bank' },
      }),
  },
  { name: 'staff-sign-in', surface: 'desk', render: ctx => staffSignInPage(ctx, { next: '/staff' }) },
  {
    name: 'staff-second-error',
    surface: 'desk',
    render: ctx => secondFactorPage(ctx, { challenge: 'c1', next: '/staff', errors: [fieldError(ctx.lang, 'staffSecond')] }),
  },
  {
    name: 'staff-search',
    surface: 'desk',
    render: ctx =>
      searchPage(staff(ctx), {
        query: '2817',
        results: {
          total: 3,
          pager: { page: 1, pages: 1 },
          rows: [
            {
              href: '/staff/orders/1',
              kind: 'order',
              no: '20261119-004817',
              text: `${water(ctx)} ${period(ctx)}`,
              state: paid(ctx),
              amountFen: 13195,
              at,
            },
            {
              href: '/staff/bills/1',
              kind: 'bill',
              no: 'B-202610-2817',
              text: period(ctx),
              state: { text: pick(ctx, '已缴清', 'Settled'), tone: 'ok' },
              amountFen: 13195,
              at,
            },
            {
              href: '/staff/accounts/1',
              kind: 'account',
              no: '3306 **** 2817',
              text: pick(ctx, '梧桐里2幢***，王**', 'Wutongli 2-***, W**'),
            },
          ],
        },
      }),
  },
  {
    name: 'staff-start',
    surface: 'desk',
    render: ctx => {
      const order = {
        href: '/staff/orders/1',
        kind: 'order' as const,
        no: '20261119-004817',
        text: `${water(ctx)} ${period(ctx)}`,
        amountFen: 13195,
        at,
      }
      const odd = { text: pick(ctx, '金额不符', 'Other amount'), tone: 'bad' as const }
      return searchPage(staff(ctx), { query: '', orders: { stuck: [{ ...order, state: odd }], newest: [{ ...order, state: paid(ctx) }] } })
    },
  },
  {
    name: 'staff-start-empty',
    surface: 'desk',
    render: ctx => searchPage(staff(ctx), { query: '', orders: { stuck: [], newest: [] } }),
  },
  {
    name: 'staff-search-empty',
    surface: 'desk',
    render: ctx => searchPage(staff(ctx), { query: '9999', results: { rows: [], total: 0, pager: { page: 1, pages: 1 } } }),
  },
  {
    name: 'staff-order',
    surface: 'desk',
    render: ctx =>
      orderPage(staff(ctx), {
        orderNo: '20261119-004817',
        state: paid(ctx),
        amountFen: 13195,
        payer: pick(ctx, '匿名', 'Anonymous'),
        biller: water(ctx),
        bill: { text: period(ctx), href: '/staff/bills/1' },
        account: { text: '3306 **** 2817', href: '/staff/accounts/1' },
        createdAt: at,
        attempts: [
          {
            no: 'WX2026111900481701',
            party: pick(ctx, '微信支付', 'WeChat Pay'),
            state: { text: pick(ctx, '成功', 'Succeeded'), tone: 'ok' },
            amountFen: 13195,
            at,
          },
        ],
        postings: [{ no: 'P-4817', party: water(ctx), state: { text: pick(ctx, '等待', 'Held'), tone: 'now' }, amountFen: 13195, at }],
        refunds: [],
        timeline: timeline(ctx),
        actions: [
          { label: pick(ctx, '向渠道查询', 'Ask the channel'), action: '/staff/orders/1/query', idempotencyKey: 'k1' },
          { label: pick(ctx, '申请退款', 'Request a refund'), action: '/staff/orders/1/refund', idempotencyKey: 'k2', isDanger: true },
        ],
      }),
  },
  {
    name: 'staff-bill',
    surface: 'desk',
    render: ctx =>
      deskBillPage(staff(ctx), {
        no: 'W26110004817',
        state: paid(ctx),
        amountFen: 13195,
        periodLabel: period(ctx),
        dueOn: '2026-11-30',
        order: { no: '20261119-004817', href: '/staff/orders/1' },
        accountMasked: '**** 2817',
        service: pick(ctx, '水费', 'Water'),
        biller: water(ctx),
        holderMasked: pick(ctx, '王**', 'W**'),
        addressMasked: pick(ctx, '梧桐里2幢***', 'Wutongli 2-***'),
        boundCount: 2,
        bills: [
          {
            href: '/staff/bills/1',
            periodLabel: period(ctx),
            amountFen: 13195,
            dueOn: '2026-11-30',
            state: paid(ctx),
            order: { no: '20261119-004817', href: '/staff/orders/1' },
          },
        ],
        timeline: timeline(ctx).slice(0, 2),
      }),
  },
  { name: 'staff-error', surface: 'desk', render: ctx => staffErrorPage(staff(ctx), { status: 403, requestId: '01JD8Z-4817' }) },
  { name: 'gallery', surface: 'gallery', render: galleryPage },
]
