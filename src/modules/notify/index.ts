export { type SmsConfig, smsGateway } from './adapters/sms.ts'
export { type WechatTemplateConfig, wechatTemplate } from './adapters/wechat-template.ts'
export { errors as notifyErrors } from './errors.ts'
export * as notifyEvents from './events.ts'
export { startJobs as startNotifyJobs } from './jobs.ts'
export { type Channel, type MessageState, type Params, type Template, type Topic, textOf, topics } from './model.ts'
export type { Delivery, NotifyPort, Outgoing } from './ports.ts'
export {
  deliverNow,
  listMessages,
  listPreferences,
  type MessageView,
  type Receiver,
  runOutbox,
  type SendInput,
  send,
  setAddress,
  setPreference,
  signInCodeSender,
  useMessenger,
} from './service.ts'
