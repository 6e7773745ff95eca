import { verify } from 'node:crypto'
import type { Trade } from '../common/trade-book.ts'
import type { WechatDesk } from './desk.ts'

/** The parameters a page hands to the app are fresh for two hours, like the order they open. */
const PARAMETERS_S_MAX = 7_200

/** The trade that parameters open, where the merchant signed them for this account and they are fresh. */
export function believed(desk: WechatDesk, appid: string, of: (name: string) => string, now: Date): Trade | undefined {
  const message = `${appid}\n${of('timeStamp')}\n${of('nonceStr')}\n${of('package')}\n`
  const isSigned =
    of('signType') === 'RSA' && verify('RSA-SHA256', Buffer.from(message), desk.signer.merchantKey, Buffer.from(of('paySign'), 'base64'))
  const isFresh = Math.abs(now.getTime() / 1000 - Number(of('timeStamp') || Number.NaN)) <= PARAMETERS_S_MAX
  return isSigned && isFresh ? desk.book.findByHandle(of('package').replace(/^prepay_id=/, '')) : undefined
}
