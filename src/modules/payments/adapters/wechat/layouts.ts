/** The four tables of a WeChat trade bill. Source: 下载交易账单, column lists of bill_type ALL, SUCCESS and REFUND, and of the retired v2 file. */
export type Layout = 'all' | 'success' | 'refund' | 'legacy'

/** Rows of all layouts in one shape: a column a layout lacks holds '' or 0. */
export interface WechatRow {
  tradedAt: Date
  appid: string
  mchid: string
  subMchid: string
  device: string
  transactionId: string
  outTradeNo: string
  openid: string
  tradeType: string
  tradeState: string
  bank: string
  currency: string
  settlementFen: number
  couponFen: number
  /** Only in the refund layout. */
  refundRequestedAt: Date | undefined
  /** Only in the refund layout, and only once the money is back. */
  refundedAt: Date | undefined
  refundId: string
  outRefundNo: string
  refundFen: number
  refundCouponFen: number
  refundType: string
  refundState: string
  goods: string
  attach: string
  /** Five decimals of a yuan; negative on refunds. */
  feeE5: number
  rate: string
  orderFen: number
  refundAppliedFen: number
  rateNote: string
}

/** `number` columns print '0' where a payment has no refund. */
export type CellKind = 'text' | 'number' | 'time' | 'fen' | 'fee'
export interface Column {
  title: string
  field: keyof WechatRow
  kind: CellKind
}

const text = (title: string, field: keyof WechatRow): Column => ({ title, field, kind: 'text' })
const fen = (title: string, field: keyof WechatRow): Column => ({ title, field, kind: 'fen' })

const head = (subTitle: string): Column[] => [
  { title: '交易时间', field: 'tradedAt', kind: 'time' },
  text('公众账号ID', 'appid'),
  text('商户号', 'mchid'),
  text(subTitle, 'subMchid'),
  text('设备号', 'device'),
  text('微信订单号', 'transactionId'),
  text('商户订单号', 'outTradeNo'),
  text('用户标识', 'openid'),
  text('交易类型', 'tradeType'),
  text('交易状态', 'tradeState'),
  text('付款银行', 'bank'),
  text('货币种类', 'currency'),
]
const refundColumns = (couponTitle: string): Column[] => [
  { title: '微信退款单号', field: 'refundId', kind: 'number' },
  { title: '商户退款单号', field: 'outRefundNo', kind: 'number' },
  fen('退款金额', 'refundFen'),
  fen(couponTitle, 'refundCouponFen'),
  text('退款类型', 'refundType'),
  text('退款状态', 'refundState'),
]
const settled = [fen('应结订单金额', 'settlementFen'), fen('代金券金额', 'couponFen')]
const tail: Column[] = [
  text('商品名称', 'goods'),
  text('商户数据包', 'attach'),
  { title: '手续费', field: 'feeE5', kind: 'fee' },
  text('费率', 'rate'),
]
const order = fen('订单金额', 'orderFen')
const applied = fen('申请退款金额', 'refundAppliedFen')
const note = text('费率备注', 'rateNote')
const requested: Column[] = [
  { title: '退款申请时间', field: 'refundRequestedAt', kind: 'time' },
  { title: '退款成功时间', field: 'refundedAt', kind: 'time' },
]

export const LAYOUTS: Readonly<Record<Layout, readonly Column[]>> = {
  all: [...head('特约商户号'), ...settled, ...refundColumns('充值券退款金额'), ...tail, order, applied, note],
  success: [...head('特约商户号'), ...settled, ...tail, order, note],
  refund: [...head('特约商户号'), ...settled, ...requested, ...refundColumns('充值券退款金额'), ...tail, order, applied, note],
  legacy: [
    ...head('子商户号'),
    fen('总金额', 'settlementFen'),
    fen('代金券或立减优惠金额', 'couponFen'),
    ...refundColumns('代金券或立减优惠退款金额'),
    ...tail,
  ],
}

export type TotalKey = 'rows' | 'settlementFen' | 'refundFen' | 'refundCouponFen' | 'feeE5' | 'orderFen' | 'refundAppliedFen'
const MODERN_TOTALS: readonly (readonly [string, TotalKey])[] = [
  ['总交易单数', 'rows'],
  ['应结订单总金额', 'settlementFen'],
  ['退款总金额', 'refundFen'],
  ['充值券退款总金额', 'refundCouponFen'],
  ['手续费总金额', 'feeE5'],
  ['订单总金额', 'orderFen'],
  ['申请退款总金额', 'refundAppliedFen'],
]
const LEGACY_TOTALS: readonly (readonly [string, TotalKey])[] = [
  ['总交易单数', 'rows'],
  ['总交易额', 'settlementFen'],
  ['总退款金额', 'refundFen'],
  ['总代金券或立减优惠退款金额', 'refundCouponFen'],
  ['手续费总金额', 'feeE5'],
]
export const TOTALS: Readonly<Record<Layout, readonly (readonly [string, TotalKey])[]>> = {
  all: MODERN_TOTALS,
  success: MODERN_TOTALS,
  refund: MODERN_TOTALS,
  legacy: LEGACY_TOTALS,
}

export type Totals = Record<TotalKey, number>
export const noTotals = (): Totals => ({
  rows: 0,
  settlementFen: 0,
  refundFen: 0,
  refundCouponFen: 0,
  feeE5: 0,
  orderFen: 0,
  refundAppliedFen: 0,
})

export function addRow(totals: Totals, row: WechatRow): void {
  totals.rows += 1
  totals.settlementFen += row.settlementFen
  totals.refundFen += row.refundFen
  totals.refundCouponFen += row.refundCouponFen
  totals.feeE5 += row.feeE5
  totals.orderFen += row.orderFen
  totals.refundAppliedFen += row.refundAppliedFen
}
