import { enrolPage, offlinePage, outPage, proofPage, troublePage } from '#web/kiosk/device.tsx'
import type { KioskPageContext } from '#web/kiosk/frame.tsx'
import { checkPage, donePage, qrPage } from '#web/kiosk/pay.tsx'
import { billerPage, billsPage, numberPage, scanPage, startPage } from '#web/kiosk/start.tsx'
import type { BillView } from '#web/resident/bill.tsx'
import { deviceCodePage, devicesPage, helpCallsPage } from '#web/staff/devices.tsx'
import { fieldError } from '#web/ui/field-errors.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, receiptSample, type Sample } from './sample-views.ts'

const at = new Date('2026-11-19T02:24:36Z')
const kiosk = (ctx: PageContext, help?: KioskPageContext['help']): KioskPageContext => ({
  ...ctx,
  title: pick(ctx, '1号机', 'Kiosk 1'),
  now: at,
  ...(help && { help }),
})
const water = (ctx: PageContext) => pick(ctx, '水费', 'Water')
const period = (ctx: PageContext) => pick(ctx, '2026年9–10月', 'Sep–Oct 2026')
const company = (ctx: PageContext) => pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)')
const qr = (ctx: PageContext) => ({
  amountFen: 13195,
  service: water(ctx),
  periodLabel: period(ctx),
  biller: company(ctx),
  way: 'wechat' as const,
  wayName: pick(ctx, '微信支付', 'WeChat Pay'),
  expiresAt: new Date(+at + 900_000),
})

const staff = (ctx: PageContext): PageContext => ({ ...ctx, signedIn: { name: pick(ctx, '受理岗 赵**', 'Clerk Z**') } })

const desk: readonly Sample[] = [
  {
    name: 'staff-devices',
    surface: 'desk',
    render: ctx =>
      devicesPage(staff(ctx), {
        canManage: true,
        notice: 'paper',
        devices: (['up', 'down', 'new', 'revoked'] as const).map((state, i) => ({
          id: `d${i}`,
          title: pick(ctx, `${i + 1}号机`, `Kiosk ${i + 1}`),
          place: pick(ctx, '一楼大厅', 'Hall'),
          state,
          seenAt: at,
          page: pick(ctx, '首屏', 'First screen'),
          slipsLeft: i === 1 ? 12 : 230,
          version: 'f4qPNH3Ax8',
        })),
      }),
  },
  {
    name: 'staff-device-code',
    surface: 'desk',
    render: ctx =>
      deviceCodePage(staff(ctx), {
        title: pick(ctx, '1号机', 'Kiosk 1'),
        code: '1246758839',
        until: at,
        address: 'https://a.example/kiosk/enrol',
      }),
  },
  {
    name: 'staff-help-calls',
    surface: 'desk',
    render: ctx =>
      helpCallsPage(staff(ctx), {
        liveHref: '/staff/help-calls/live?seen=x',
        notice: 'taken_before',
        calls: [
          { id: 'c1', title: pick(ctx, '1号机 · 大厅', 'Kiosk 1 · Hall'), at, wait: pick(ctx, '2分钟', '2 minutes') },
          { id: 'c2', title: pick(ctx, '2号机', 'Kiosk 2'), at, wait: pick(ctx, '1分钟', '1 minute'), by: pick(ctx, '赵一', 'Zhao') },
        ],
      }),
  },
]

/** The kiosk, screen by screen; `bill` is that of the resident page. */
export const kioskSamples = (bill: (ctx: PageContext) => BillView): readonly Sample[] => {
  const screens: Record<string, (ctx: PageContext) => string> = {
    start: ctx => startPage(kiosk(ctx)),
    'start-unknown': ctx => startPage(kiosk(ctx, { by: pick(ctx, '张**', 'Z**') }), 'unknown'),
    scan: ctx => scanPage(kiosk(ctx, {})),
    biller: ctx =>
      billerPage(
        kiosk(ctx),
        ['water', 'power', 'gas', 'heat', 'estate', 'telecom'].map(id => ({ id, service: water(ctx), name: company(ctx) })),
      ),
    number: ctx => numberPage(kiosk(ctx), { billerId: 'water', service: water(ctx), digits: 10, example: '1045333141', hasLetters: false }),
    'number-wrong': ctx =>
      numberPage(kiosk(ctx), {
        billerId: 'telecom',
        service: water(ctx),
        digits: 11,
        example: 'T31579972GG',
        hasLetters: true,
        value: 'T3157',
        errors: [fieldError(ctx.lang, 'accountFormat', { digits: 11 })],
      }),
    bills: ctx =>
      billsPage(kiosk(ctx), {
        service: water(ctx),
        accountMasked: '**** 2817',
        more: 2,
        bills: [
          { code: 'a', periodLabel: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), amountFen: 11470, isOverdue: true },
          { code: 'b', periodLabel: period(ctx), amountFen: 13195, isOverdue: false },
        ],
      }),
    check: ctx => checkPage(kiosk(ctx), { bill: bill(ctx), ways: ['wechat', 'alipay'] }),
    'check-paid': ctx =>
      checkPage(kiosk(ctx), { bill: bill(ctx), ways: ['wechat'], paid: { at, way: pick(ctx, '支付宝', 'Alipay') }, notice: 'changed' }),
    pay: ctx => qrPage(kiosk(ctx), { ...qr(ctx), codeUrl: 'weixin://wxpay/bizpayurl?pr=NwY5Mz9zz', other: 'alipay' }),
    'pay-unknown': ctx => qrPage(kiosk(ctx), qr(ctx)),
    done: ctx =>
      donePage(kiosk(ctx), {
        paper: { receipt: receiptSample(ctx.lang), verifyCode: '8k2m-4q7x', verifyAt: 'wutongli.example/verify', printedAt: at },
        wayName: pick(ctx, '微信支付', 'WeChat Pay'),
        undo: { until: new Date(+at + 600_000), idempotencyKey: 'k' },
        isBack: false,
      }),
    out: outPage,
    proof: proofPage,
    enrol: ctx => enrolPage(ctx, [{ field: 'code', text: pick(ctx, '接入码不对', 'The code is wrong') }]),
    offline: offlinePage,
    trouble: ctx => troublePage(ctx.lang, ctx.phone),
  }
  return [...Object.entries(screens).map(([name, render]) => ({ name: `kiosk-${name}`, surface: 'kiosk' as const, render })), ...desk]
}
