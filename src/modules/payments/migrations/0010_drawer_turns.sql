create index drawer_session_turns on payments.drawer_session (tenant_id, drawer, opened_at);
