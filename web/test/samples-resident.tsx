import { prepaidPage } from '#web/prepaid/page.tsx'
import { alreadyPaidPage } from '#web/resident/already-paid.tsx'
import { billsPage } from '#web/resident/bills.tsx'
import { accountNumberPage, chooseBillerPage } from '#web/resident/find-account.tsx'
import { householdNewPage, householdPage, householdsPage } from '#web/resident/households.tsx'
import { minePage, paymentsPage } from '#web/resident/mine.tsx'
import { paymentYearPage } from '#web/resident/payment-year.tsx'
import { photoDiffersPage, photoPage, photoReadPage } from '#web/resident/photo.tsx'
import { pricesPage } from '#web/resident/prices.tsx'
import { readingsPage } from '#web/resident/readings.tsx'
import { receiptPrintPage } from '#web/resident/receipt-print.tsx'
import { proofPage, signInCodePage, signInPage } from '#web/resident/sign-in.tsx'
import { taxInvoicePage } from '#web/resident/tax-invoice.tsx'
import { accessibilityPage, helpPage, prefsPage } from '#web/resident/texts.tsx'
import { verifyPage } from '#web/resident/verify.tsx'
import { cashSlipPage, jsapiPage, qrPayPage } from '#web/resident/wallet.tsx'
import { openBrowserPage, staleReturnPage } from '#web/resident/wechat.tsx'
import { wrongOutcomePage, wrongPaymentPage } from '#web/resident/wrong-payment.tsx'
import { fieldError } from '#web/ui/field-errors.ts'
import { t } from '#web/ui/messages.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, receiptSample, type Sample } from './sample-views.ts'

const water = (ctx: PageContext) => ({
  service: pick(ctx, '水费', 'Water'),
  biller: pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)'),
})
const billers = (ctx: PageContext) => [
  { id: 'water', service: water(ctx).service, name: water(ctx).biller },
  { id: 'power', service: pick(ctx, '电费', 'Electricity'), name: pick(ctx, '梧桐里供电公司（示例）', 'Wutongli Power (sample)') },
  { id: 'gas', service: pick(ctx, '燃气费', 'Gas'), name: pick(ctx, '梧桐里燃气公司（示例）', 'Wutongli Gas (sample)') },
]
const accountMasked = '3306 **** 2817'
const signedIn = (ctx: PageContext): PageContext => ({ ...ctx, signedIn: { name: pick(ctx, '王**', 'W**') } })
const payment = (ctx: PageContext) => ({ ...receiptSample(ctx.lang), accountMasked })
const amount = (ctx: PageContext) => ({
  amountFen: 13195,
  periodLabel: receiptSample(ctx.lang).periodLabel,
  ...water(ctx),
  backHref: '/b/7m3kq2x9d4',
})
const verified = (ctx: PageContext) => {
  const { receiptNo, biller, service, periodLabel, amountFen, paidAt } = receiptSample(ctx.lang)
  return { receiptNo, biller, service, periodLabel, amountFen, paidAt }
}
const printView = (ctx: PageContext) => ({
  receipt: receiptSample(ctx.lang),
  verifyCode: '8k2m-4q7x-9d3r-t5w1',
  verifyAt: 'wutongli.example/verify',
  printedAt: new Date('2026-11-19T03:00:00Z'),
  backHref: '/r/8k2',
})

const findSamples: readonly Sample[] = [
  {
    name: 'find',
    render: ctx =>
      chooseBillerPage(ctx, {
        billers: billers(ctx),
        mine: [{ href: '/mine/households/1/bills', service: water(ctx).service, accountMasked, nickname: pick(ctx, '爸妈家', 'Parents') }],
      }),
  },
  {
    name: 'find-error',
    render: ctx => chooseBillerPage(ctx, { billers: billers(ctx), mine: [], errors: [fieldError(ctx.lang, 'billerMissing')] }),
  },
  {
    name: 'account-error',
    render: ctx =>
      accountNumberPage(ctx, {
        billerId: 'water',
        ...water(ctx),
        digits: '10',
        example: '3306 000 281',
        value: '3306 281',
        action: '/pay/account',
        errors: [fieldError(ctx.lang, 'accountFormat', { digits: 10 })],
      }),
  },
  { name: 'photo', render: ctx => photoPage(ctx) },
  { name: 'photo-error', render: ctx => photoPage(ctx, { errors: [fieldError(ctx.lang, 'photoNoBill')] }) },
  {
    name: 'photo-read',
    render: ctx =>
      photoReadPage(ctx, {
        billers: billers(ctx),
        biller: { id: 'water', isSure: true },
        account: { text: '1045333141', isSure: true },
        amount: { text: '¥131.95', isSure: true },
        period: { text: receiptSample(ctx.lang).periodLabel, isSure: true },
        billNo: { text: 'W26110003141', isSure: true },
        kept: { amount: '13195' },
      }),
  },
  {
    name: 'photo-unsure',
    render: ctx =>
      photoReadPage(ctx, {
        billers: billers(ctx),
        biller: { id: 'power', isSure: false },
        account: { text: '9904931818823', isSure: false },
        amount: { text: '¥50.57', isSure: false },
        kept: {},
      }),
  },
  {
    name: 'photo-differs',
    render: ctx =>
      photoDiffersPage(ctx, {
        href: '/b/7m3kq2x9d4',
        amount: { readFen: 13195, billFen: 14315 },
        period: { read: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), bill: receiptSample(ctx.lang).periodLabel },
      }),
  },
  {
    name: 'bills',
    render: ctx =>
      billsPage(ctx, {
        service: water(ctx).service,
        accountMasked,
        isOldestFirst: true,
        bills: [
          ...[
            { href: '/b/1', billNo: 'W2608A0003141', periodLabel: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), amountFen: 11470 },
            { href: '/b/3', billNo: 'W2608A0003977', periodLabel: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), amountFen: 11470 },
          ].map(bill => ({ ...bill, dueOn: '2026-09-30', isOverdue: true })),
          {
            href: '/b/2',
            billNo: 'W2610A0003141',
            periodLabel: pick(ctx, '2026年9–10月', 'Sep–Oct 2026'),
            amountFen: 13195,
            dueOn: '2026-11-30',
            isOverdue: false,
          },
        ],
      }),
  },
  {
    name: 'bills-empty',
    render: ctx => billsPage(ctx, { service: water(ctx).service, accountMasked, isOldestFirst: false, bills: [], nextOn: '2027-01-05' }),
  },
  {
    name: 'already-paid',
    render: ctx =>
      alreadyPaidPage(ctx, {
        service: water(ctx).service,
        periodLabel: receiptSample(ctx.lang).periodLabel,
        paidAt: receiptSample(ctx.lang).paidAt,
        channel: pick(ctx, '微信支付', 'WeChat Pay'),
        amountFen: 13195,
        receiptHref: '/r/8k2',
        triedNow: true,
      }),
  },
]

const afterSamples: readonly Sample[] = [
  {
    name: 'wrong-error',
    render: ctx =>
      wrongPaymentPage(ctx, {
        payment: payment(ctx),
        answerWithinDays: 3,
        isHeld: false,
        action: '/r/8k2/wrong',
        idempotencyKey: 'k1',
        backHref: '/r/8k2',
        errors: [fieldError(ctx.lang, 'reasonMissing')],
      }),
  },
  {
    name: 'payment-year',
    render: ctx =>
      paymentYearPage(ctx, {
        ...{ year: 2026, paidFen: 23_640, backFen: 1_000, beforeHref: '/mine/payments/2025', csvHref: '/mine/payments/2026/payments.csv' },
        payments: [
          {
            ...{ href: '/o/1', day: '2026-09-18', what: pick(ctx, '水费，2026年7–8月', 'Water, Jul–Aug 2026') },
            ...{ receiptNo: 'YM-20260918-000017', paidFen: 8_640, backFen: 0 },
          },
          {
            ...{ href: '/o/2', day: '2026-11-20', what: pick(ctx, '物业费，2026年11月', 'Property fee, Nov 2026') },
            ...{ receiptNo: 'YM-20261120-000003', paidFen: 15_000, backFen: 1_000 },
          },
        ],
      }),
  },
  {
    name: 'tax-invoice',
    render: ctx =>
      taxInvoicePage(ctx, {
        lines: [
          {
            ...{ service: pick(ctx, '水费', 'Water'), periodLabel: '2026-10', biller: pick(ctx, '梧桐里自来水公司', 'Wutongli Water') },
            ...{ amountFen: 8_640, state: 'issued', askedAt: new Date('2026-11-20T02:00:00Z') },
            ...{ number: '26000000000000000017', href: '/i/17' },
          },
          {
            ...{ service: pick(ctx, '物业费', 'Property fee'), periodLabel: '2026-11', biller: pick(ctx, '梧桐里物业', 'Wutongli Homes') },
            ...{ amountFen: 12_000, state: 'refused', askedAt: new Date('2026-11-20T02:00:00Z') },
            reason: pick(ctx, '抬头查不到', 'The name is not on file'),
          },
        ],
        backHref: '/o/8k2',
        form: {
          ...{ action: '/o/8k2/tax-invoice', idempotencyKey: 'k1' },
          values: { kind: 'company', name: '梧桐里小吃店', tax_no: '123' },
          errors: [{ field: 'tax_no', text: t(ctx.lang)('invoice.error_tax_no') }],
        },
      }),
  },
  {
    name: 'wrong-outcome',
    render: ctx =>
      wrongOutcomePage(ctx, {
        payment: payment(ctx),
        requestNo: 'CW-20261119-0012',
        state: 'asked',
        answerBy: '2026-11-24',
        handledBy: pick(ctx, '收费岗赵**', 'Cashier Z**'),
        isHeld: false,
        backHref: '/r/8k2',
      }),
  },
  { name: 'verify', render: ctx => verifyPage(ctx, {}) },
  {
    name: 'verify-valid',
    render: ctx =>
      verifyPage(ctx, {
        answer: {
          state: 'valid',
          ...verified(ctx),
          leafIndex: 48213,
          rootHash: 'b7c1f0e2a94d5c3388f1aa02c9e7d614',
          proofHref: '/verify/8k2.json',
        },
      }),
  },
  { name: 'verify-pending', render: ctx => verifyPage(ctx, { answer: { state: 'pending', ...verified(ctx) } }) },
  { name: 'verify-invalid', render: ctx => verifyPage(ctx, { code: '8k2m-xxxx', answer: { state: 'invalid' } }) },
  {
    name: 'qr-pay',
    render: ctx =>
      qrPayPage(ctx, {
        ...amount(ctx),
        codeUrl: 'weixin://wxpay/bizpayurl?pr=8k2m4q7x',
        way: pick(ctx, '微信', 'WeChat'),
        expiresAt: new Date('2026-11-19T02:40:00Z'),
        checkHref: '/o/1?check=1',
        pollHref: '/o/1/state',
        liveHref: '/o/1/live',
        cancelAction: '/o/1/cancel',
        idempotencyKey: 'k2',
      }),
  },
  {
    name: 'jsapi',
    render: ctx =>
      jsapiPage(ctx, {
        ...amount(ctx),
        params: { appId: 'wx0000', timeStamp: '1795055070', nonceStr: 'n', package: 'prepay_id=wx1', signType: 'RSA', paySign: 's' },
        afterHref: '/o/1',
        codeAction: '/o/1/by-code',
        cancelAction: '/o/1/cancel',
        idempotencyKey: 'k3',
      }),
  },
  {
    name: 'open-browser',
    render: ctx => openBrowserPage(ctx, { billHref: '/b/1', payAction: '/b/1/pay', quote: 'q', idempotencyKey: 'k4' }),
  },
  { name: 'stale-return', render: ctx => staleReturnPage(ctx, '/b/1') },
  { name: 'cash', render: ctx => cashSlipPage(ctx, { ...amount(ctx), codeText: 'https://wutongli.example/b/7m3kq2x9d4' }) },
]

const mineSamples: readonly Sample[] = [
  { name: 'mine', render: ctx => minePage(signedIn(ctx)) },
  {
    name: 'payments',
    render: ctx =>
      paymentsPage(signedIn(ctx), {
        payments: (['confirming', 'paid', 'paid', 'refunded'] as const).map((state, i) => ({
          href: `/r/${i}`,
          service: water(ctx).service,
          periodLabel: receiptSample(ctx.lang).periodLabel,
          amountFen: 13195 - i * 731,
          at: new Date(Date.UTC(2026, 10 - i, 19, 2, 24)),
          state,
        })),
        pager: { page: 1, pages: 3, nextHref: '/mine/payments?page=2' },
      }),
  },
  { name: 'payments-empty', render: ctx => paymentsPage(signedIn(ctx), { payments: [], pager: { page: 1, pages: 1 } }) },
  {
    name: 'households',
    render: ctx =>
      householdsPage(signedIn(ctx), {
        notice: 'bound',
        households: [
          {
            href: '/mine/households/1',
            service: water(ctx).service,
            accountMasked,
            nickname: pick(ctx, '爸妈家', 'Parents'),
            isShared: true,
          },
          { href: '/mine/households/2', service: water(ctx).service, accountMasked: '3306 **** 5190', sharedBy: '李**', isShared: false },
        ],
        sharing: { members: [{ phoneMasked: '138****6620', since: '2026-05-02', endAction: '/mine/shares/9/end' }] },
      }),
  },
  { name: 'households-empty', render: ctx => householdsPage(ctx, { households: [] }) },
  {
    name: 'households-error',
    render: ctx =>
      householdsPage(signedIn(ctx), {
        households: [],
        sharing: { members: [], phone: '1380' },
        errors: [fieldError(ctx.lang, 'sharePhone')],
      }),
  },
  {
    name: 'household-new-error',
    render: ctx =>
      householdNewPage(signedIn(ctx), {
        billers: billers(ctx),
        values: { biller: 'water', account: '3306' },
        errors: [fieldError(ctx.lang, 'accountFormat', { digits: 10 }), fieldError(ctx.lang, 'relationMissing')],
      }),
  },
  {
    name: 'household',
    render: ctx =>
      householdPage(signedIn(ctx), {
        ...water(ctx),
        accountMasked,
        addressMasked: pick(ctx, '梧桐里2幢***', 'Wutongli 2-***'),
        billsHref: '/mine/households/1/bills',
        own: {
          saveAction: '/mine/households/1/save',
          unbindAction: '/mine/households/1/unbind',
          nickname: pick(ctx, '爸妈家', 'Parents'),
        },
      }),
  },
  {
    name: 'household-shared',
    render: ctx =>
      householdPage(signedIn(ctx), {
        ...water(ctx),
        accountMasked,
        addressMasked: pick(ctx, '梧桐里2幢***', 'Wutongli 2-***'),
        billsHref: '/mine/households/2/bills',
        shared: { by: '李**', endAction: '/mine/shares/9/end' },
      }),
  },
  { name: 'readings-empty', render: ctx => readingsPage(ctx, { readings: [] }) },
  {
    name: 'readings',
    render: ctx =>
      readingsPage(signedIn(ctx), {
        readings: [
          {
            id: '1',
            at: new Date('2026-11-19T02:24:36Z'),
            reader: { role: 'clerk', nameMasked: '李**' },
            kind: 'order',
            order: { href: '/o/1', text: pick(ctx, '水费 2026-10 ¥131.95', 'Water 2026-10 ¥131.95') },
          },
          {
            id: '2',
            at: new Date('2026-11-18T07:02:00Z'),
            reader: { role: 'approver', nameMasked: '周**' },
            kind: 'id_number',
            why: pick(ctx, '核对退款收款人', 'To check who receives a refund'),
          },
          { id: '3', at: new Date('2026-11-18T07:01:00Z'), kind: 'person', by: 'phone' },
        ],
      }),
  },
  { name: 'proof', render: ctx => proofPage(ctx, { next: '/mine/debits' }) },
  { name: 'sign-in', render: ctx => signInPage(ctx, { next: '/mine' }) },
  {
    name: 'code-error',
    render: ctx =>
      signInCodePage(ctx, {
        phoneMasked: '138 **** 6620',
        validMinutes: 5,
        challenge: 'c1',
        next: '/mine',
        errors: [fieldError(ctx.lang, 'codeWrong', { left: 4 })],
      }),
  },
]

const publicSamples: readonly Sample[] = [
  {
    name: 'prices',
    render: ctx => {
      const tariff = {
        rows: [
          { name: pick(ctx, '一阶', 'Tier 1'), note: pick(ctx, '全年0–36 m³', 'a year 0–36 m³'), price: '1.95' },
          { name: pick(ctx, '二阶', 'Tier 2'), note: pick(ctx, '全年37–60 m³', 'a year 37–60 m³'), price: '2.92' },
          { name: pick(ctx, '三阶', 'Tier 3'), note: pick(ctx, '全年61 m³起', 'a year 61 m³ and up'), price: '5.85' },
          { name: pick(ctx, '污水处理费', 'Sewage'), note: pick(ctx, '每m³', 'per m³'), price: '0.95' },
        ],
        source: pick(ctx, '示例价〔2025〕7号', 'Sample price notice 2025-7'),
      }
      return pricesPage(ctx, {
        services: [
          {
            ...water(ctx),
            current: { ...tariff, validFrom: '2026-01-01', validTo: null },
            earlier: [{ ...tariff, validFrom: '2024-01-01', validTo: '2025-12-31' }],
          },
        ],
      })
    },
  },
  {
    name: 'prepaid-error',
    render: ctx => {
      const errors = [{ field: 'amount', text: t(ctx.lang)('prepaid.error_amount', { min: '10.00', max: '388.00' }) }]
      const move = { href: '/o/1', title: pick(ctx, '水费 2026-10', 'Water 2026-10'), at: new Date('2026-11-19T02:24:36Z') }
      const form = { action: '/mine/prepaid/1', idempotencyKey: '0192f3a4-0000-7000-8000-000000000001', amounts: [5_000, 10_000] }
      return prepaidPage(ctx, {
        ...water(ctx),
        ...{ accountMasked: '**** 2817', balanceFen: 11_200, backHref: '/mine/households/1' },
        moves: [
          { ...move, amountFen: -8_800, backFen: 0 },
          { ...move, amountFen: 20_000, backFen: 0 },
        ],
        form: { ...form, minFen: 1_000, maxFen: 38_800, ways: [{ id: 'wechat' }, { id: 'alipay' }], values: { other: '5' }, errors },
      })
    },
  },
  {
    name: 'prepaid-closed',
    render: ctx =>
      prepaidPage(ctx, { ...water(ctx), accountMasked: '**** 2817', balanceFen: 0, moves: [], backHref: '/mine/households/1' }),
  },
  { name: 'prices-empty', render: ctx => pricesPage(ctx, { services: [] }) },
  { name: 'help', render: helpPage },
  { name: 'accessibility', render: accessibilityPage },
  { name: 'prefs', render: ctx => prefsPage(ctx, { back: '/' }) },
  { name: 'print-80mm', surface: 'print', render: ctx => receiptPrintPage(ctx, printView(ctx), '80mm') },
  { name: 'print-a4', surface: 'print', render: ctx => receiptPrintPage(ctx, printView(ctx), 'a4') },
]

export const residentSamples: readonly Sample[] = [...findSamples, ...afterSamples, ...mineSamples, ...publicSamples]
