/**
 * What the hub asks of a payment channel. Pure types: amounts are integer fen, days are 'YYYY-MM-DD' in Asia/Shanghai.
 * Whatever could have reached the channel without a trustworthy answer is `unknown`, never a failure.
 */

export type ChannelCode = 'wechat' | 'alipay'

export type Product = 'jsapi' | 'mini' | 'h5' | 'native' | 'wap' | 'precreate'

export interface CreateInput {
  outTradeNo: string
  amountFen: number
  title: string
  expireAt: Date
  notifyUrl: string
  returnUrl: string
  product: Product
  clientIp: string
  /** WeChat JSAPI and mini programme only. */
  openid?: string
}

export type Refused = { kind: 'refused'; code: string; message: string }
export type Unknown = { kind: 'unknown'; why: string }

export type CreateOutcome = { kind: 'accepted'; redirectUrl?: string; codeUrl?: string; jsapi?: Record<string, string> } | Refused | Unknown

/** REFUND still means "was paid". */
export type TradeState = 'SUCCESS' | 'REFUND' | 'NOTPAY' | 'CLOSED' | 'USERPAYING' | 'PAYERROR' | 'NOTFOUND'

export interface TradeFact {
  outTradeNo: string
  state: TradeState
  channelTxnNo?: string
  /** What the merchant ordered; the amount to compare with the attempt. */
  amountFen?: number
  /** What the payer gave after the channel's own discounts. */
  payerTotalFen?: number
  paidAt?: Date
  /** Alipay says TRADE_CLOSED both for "never paid" and for "fully refunded": look at own refunds before believing CLOSED. */
  isAmbiguous?: true
}

export type QueryOutcome = { kind: 'known'; fact: TradeFact } | Unknown

export type RefundState = 'SUCCESS' | 'PROCESSING' | 'ABNORMAL' | 'CLOSED' | 'NOTFOUND'

export interface RefundFact {
  outTradeNo: string
  outRefundNo: string
  state: RefundState
  channelRefundNo?: string
  amountFen?: number
  refundedAt?: Date
}

export interface RefundInput {
  /** The payment given back: an order number that was paid twice has two. */
  channelTxnNo: string
  outRefundNo: string
  amountFen: number
  totalFen: number
  reason: string
  notifyUrl: string
}

export type CloseOutcome = { kind: 'closed' | 'paid' | 'notfound'; why?: string } | Unknown
/** Accepted means the request is taken, not that the money is back. */
export type RefundOutcome = { kind: 'accepted' } | Refused | Unknown
export type RefundQueryOutcome = { kind: 'known'; fact: RefundFact } | Unknown

/** Refused: bad signature, stale timestamp, unknown serial, malformed text, another merchant. */
export type NotificationOutcome =
  | { kind: 'trade'; eventKey: string; fact: TradeFact }
  | { kind: 'refund'; eventKey: string; fact: RefundFact }
  | Refused

export interface Acknowledgement {
  status: number
  type: string
  body: string
}

/** One row of a channel's statement in the words of reconciliation; the key is (channelTxnNo, channelRefundNo). */
export interface StatementLine {
  kind: 'pay' | 'refund'
  channelTxnNo: string
  outTradeNo: string
  /** '' on payments. */
  channelRefundNo: string
  /** '' on payments. */
  outRefundNo: string
  /** Positive on both kinds. */
  amountFen: number
  /** The channel's fee in 1/100000 yuan: positive when it costs us, negative when given back on a refund. */
  feeE5: number
  /** Of the amount, what a discount at our own cost keeps from us: positive on payments, negative on refunds. */
  discountFen: number
  at: Date
  state: string
}

/** Sign-in at the channel that tells nothing but who pays, for products that ask for the payer. */
export interface PayerSignIn {
  /** What a known payer belongs to: for another account it is worth nothing. */
  readonly account: string
  addressOf(returnUrl: string, state: string): string
  /** Turns the code the browser brought back into the payer; a code works once. */
  readPayer(code: string): Promise<{ kind: 'known'; openid: string } | Refused | Unknown>
}

export interface PaymentChannel {
  readonly code: ChannelCode
  /** Absent where the channel has none or the merchant's secret is not configured. */
  readonly payerSignIn?: PayerSignIn
  /** The same by the code a mini programme's shell brings; it has no address to go to. */
  readonly miniSignIn?: Pick<PayerSignIn, 'account' | 'readPayer'>
  create(input: CreateInput): Promise<CreateOutcome>
  query(outTradeNo: string): Promise<QueryOutcome>
  close(outTradeNo: string): Promise<CloseOutcome>
  refund(input: RefundInput): Promise<RefundOutcome>
  queryRefund(outTradeNo: string, outRefundNo: string): Promise<RefundQueryOutcome>
  /** Synchronous and free of I/O: it stands in the hot path. `headers` have lower-case names. */
  readNotification(rawBody: Buffer, headers: Record<string, string | undefined>, now: Date): NotificationOutcome
  /** The answer the channel understands; `isTaken` only after commit. */
  acknowledge(isTaken: boolean, message?: string): Acknowledgement
  /** Throws StatementUnavailable. */
  fetchStatement(day: string): Promise<{ raw: Buffer; name: string }>
  /** Yields every row, then checks the file's own count and sums: throws StatementRefused, after which nothing read may be kept. */
  readStatement(pieces: Iterable<Buffer>, day?: string): AsyncIterable<StatementLine>
}

/** `none`: the channel says the day has no statement (yet). `unknown`: no trustworthy answer. */
export class StatementUnavailable extends Error {
  readonly reason: 'none' | 'unknown'
  constructor(reason: 'none' | 'unknown', why: string) {
    super(`statement unavailable (${reason}): ${why}`)
    this.reason = reason
  }
}

/** The file contradicts itself or its layout; the whole file is refused. `line` counts from 1, 0 for the file as a whole. */
export class StatementRefused extends Error {
  readonly code: string
  readonly line: number
  constructor(code: string, line: number, detail: string) {
    super(`statement refused at line ${line}: ${code}: ${detail.slice(0, 200)}`)
    this.code = code
    this.line = line
  }
}
