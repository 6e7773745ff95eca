import type { Route } from '#kernel/http/contract.ts'
import { billingRoutes } from '#modules/billing/index.ts'
import { identityRoutes } from '#modules/identity/index.ts'
import { paymentRoutes } from '#modules/payments/index.ts'

/** API routes by module, in rank order. The server, the OpenAPI document and the authorisation matrix are made from them. */
export const apiRoutes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  identity: identityRoutes,
  payments: paymentRoutes,
  billing: billingRoutes,
}
