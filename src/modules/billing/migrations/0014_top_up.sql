create index top_up_account on billing.top_up (tenant_id, account_id, placed_at);
