import { pastPage } from '#web/resident/past.tsx'
import { deskPastPage, shadowDayPage, shadowPage } from '#web/staff/shadow/pages.tsx'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, type Sample } from './sample-views.ts'

const staff = (ctx: PageContext): PageContext => ({ ...ctx, signedIn: { name: pick(ctx, '中心主任 陈**', 'Manager C**') } })
const water = (ctx: PageContext) => pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)')
const dayRow = (n: number, differences: number) => ({
  href: `/staff/shadow/water/2026-11-${String(n).padStart(2, '0')}`,
  day: `2026-11-${String(n).padStart(2, '0')}`,
  ...{
    thereRows: 612 + n,
    thereFen: 7_214_550 + n * 100,
    hereRows: 612 + n - differences,
    hereFen: 7_214_550 + n * 100 - differences * 7_440,
    differences,
  },
})
const payments = (ctx: PageContext) =>
  [8, 6, 4].map(month => ({
    paidOn: `2026-0${month}-19`,
    amountFen: 7_440 + month,
    billNo: `W260${month}0004817`,
    channel: pick(ctx, '窗口现金', 'Window, cash'),
    paymentNo: `L20260${month}190000231`,
  }))
const pager = { page: 1, pages: 3, nextHref: '/mine/households/1/past?page=2' }
const billers = (ctx: PageContext) => [{ value: 'water', label: water(ctx) }]
const yesterday = '2026-11-22'

/** Pages about what the system before took. */
export const pastSamples: readonly Sample[] = [
  {
    name: 'past',
    render: ctx =>
      pastPage(ctx, {
        service: pick(ctx, '水费', 'Water'),
        accountMasked: '1045 **** 3141',
        backHref: '/mine/households/1',
        payments: payments(ctx),
        pager,
      }),
  },
  {
    name: 'past-empty',
    render: ctx =>
      pastPage(ctx, {
        service: pick(ctx, '水费', 'Water'),
        accountMasked: '1045 **** 3141',
        backHref: '/mine/households/1',
        payments: [],
        pager: { page: 1, pages: 0 },
      }),
  },
  {
    name: 'staff-shadow',
    surface: 'desk',
    render: ctx =>
      shadowPage(staff(ctx), {
        billers: [
          {
            id: 'water',
            name: water(ctx),
            days: [...Array.from({ length: 9 }, (_, i) => dayRow(22 - i, 0)), dayRow(12, 3), dayRow(11, 14), dayRow(10, 41)],
            missing: ['2026-11-13'],
            streak: { days: 9, since: '2026-11-14', last: '2026-11-22', isWhole: false },
          },
        ],
        upload: { billers: billers(ctx), yesterday },
      }),
  },
  {
    name: 'staff-shadow-error',
    surface: 'desk',
    render: ctx =>
      shadowPage(staff(ctx), {
        billers: [],
        upload: {
          billers: billers(ctx),
          yesterday,
          errors: [{ field: 'file', text: pick(ctx, '文件有2处错误，整份没有采用', '2 faults in the file; nothing of it was used') }],
          faults: {
            rows: [
              {
                place: pick(ctx, '第3行', 'Line 3'),
                text: pick(ctx, '用户编号 · 1045333142 · 校验位不对', 'Account · 1045333142 · check digit wrong'),
              },
            ],
            more: 1,
          },
        },
      }),
  },
  {
    name: 'staff-shadow-empty',
    surface: 'desk',
    render: ctx => shadowPage(staff(ctx), { billers: [], upload: { billers: [], yesterday } }),
  },
  {
    name: 'staff-shadow-day',
    surface: 'desk',
    render: ctx =>
      shadowDayPage(staff(ctx), {
        biller: water(ctx),
        day: dayRow(12, 3),
        notice: 'compared',
        rows: [
          {
            what: pick(ctx, '仅原系统有', 'Only there'),
            todo: pick(ctx, '请收费单位确认后登记为已缴', 'Have the biller confirm it'),
            isDifference: true,
            ...{ billNo: 'W26110004817', billHref: '/staff/bills/1', accountMasked: '1045 **** 3141', thereFen: 7_440, hereFen: null },
          },
          {
            what: pick(ctx, '记在相邻的一天', 'On the day before or after'),
            todo: pick(ctx, '同一笔在前一天或后一天，不算差异', 'Not a difference'),
            isDifference: false,
            ...{ billNo: 'W26110004818', accountMasked: '', thereFen: null, hereFen: 9_120 },
          },
        ],
        pager: { page: 1, pages: 1 },
      }),
  },
  {
    name: 'staff-past',
    surface: 'desk',
    render: ctx => deskPastPage(staff(ctx), { account: '1045 **** 3141', rows: payments(ctx), backHref: '/staff/bills/1', pager }),
  },
]
