// What becomes of the fields of a Listener (config/listener/v3) and of the HTTP connection manager and the access logs in it.
import { MATCHER_SUPPORT } from './route-configuration.support.ts'
import { SupportTable } from './support.ts'

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3'
const LATER = 'not honoured yet'
const SOCKET = "the socket is the application's"
const BYTES = "connections are the HTTP library's"
const STATISTICS = 'statistics of Envoy only'

/** Listener. Its route configuration, if it is inline, has a table of its own. */
export const listenerSupport: SupportTable = new SupportTable('Listener', {
  'envoy.config.listener.v3.Listener': {
    honoured: 'name address filter_chains default_filter_chain metadata api_listener',
    inert: {
      stat_prefix: STATISTICS,
      traffic_direction: 'the name of the listener says it',
      listener_filters: 'TLS and HTTP are recognised by the adapter itself',
      listener_filters_timeout: 'TLS and HTTP are recognised by the adapter itself',
      continue_on_listener_filters_timeout: 'TLS and HTTP are recognised by the adapter itself',
      per_connection_buffer_limit_bytes: BYTES,
      drain_type: 'nothing is drained when a listener changes',
      deprecated_v1: SOCKET,
      transparent: SOCKET,
      freebind: SOCKET,
      socket_options: SOCKET,
      tcp_fast_open_queue_length: SOCKET,
      connection_balance_config: SOCKET,
      reuse_port: SOCKET,
      enable_reuse_port: SOCKET,
      tcp_backlog_size: SOCKET,
      tcp_keepalive: SOCKET,
      max_connections_to_accept_per_socket_event: SOCKET,
      bind_to_port: SOCKET,
      enable_mptcp: SOCKET,
      ignore_global_conn_limit: 'there is no such limit',
      bypass_overload_manager: 'there is no overload manager',
      use_original_dst: 'connections are not redirected',
    },
    ignored: {
      additional_addresses: 'only `address` counts',
      udp_listener_config: 'UDP is not carried',
      access_log: 'access logs of connections are not written',
      internal_listener: 'there are no internal listeners',
    },
    refused: { filter_chain_matcher: 'match trees are not known: the wrong filter chain would be chosen' },
  },
  'envoy.config.listener.v3.ApiListener': { honoured: 'api_listener' },
  'envoy.config.core.v3.Address': {
    honoured: 'socket_address pipe',
    ignored: { envoy_internal_address: 'there are no internal listeners' },
  },
  'envoy.config.core.v3.Pipe': { honoured: 'path', inert: { mode: SOCKET } },
  'envoy.config.core.v3.SocketAddress': {
    honoured: 'address port_value',
    inert: { resolver_name: 'addresses are IP literals', ipv4_compat: SOCKET },
    ignored: {
      protocol: 'always TCP',
      named_port: 'only numbers are ports',
      network_namespace_filepath: SOCKET,
    },
  },
  'envoy.config.listener.v3.FilterChain': {
    honoured: 'filter_chain_match filters transport_socket name',
    inert: { metadata: 'read by nothing', transport_socket_connect_timeout: 'the adapter has a timeout of its own' },
    ignored: {
      use_proxy_proto: 'the PROXY protocol is not read',
      on_demand_configuration: 'the chain is complete as it comes',
    },
  },
  'envoy.config.listener.v3.FilterChainMatch': {
    honoured:
      'destination_port prefix_ranges source_prefix_ranges server_names transport_protocol application_protocols',
    refused: {
      address_suffix: 'the wrong filter chain would be chosen',
      suffix_len: 'the wrong filter chain would be chosen',
      direct_source_prefix_ranges: 'the wrong filter chain would be chosen',
      source_type: 'the wrong filter chain would be chosen',
      source_ports: 'the wrong filter chain would be chosen',
    },
  },
  'envoy.config.core.v3.CidrRange': { honoured: 'address_prefix prefix_len' },
  'envoy.config.listener.v3.Filter': {
    honoured: 'name typed_config',
    refused: { config_discovery: 'ECDS is not followed: a filter would be missing' },
  },
  'envoy.config.core.v3.TransportSocket': { honoured: 'name typed_config' },

  [`${HCM}.HttpConnectionManager`]: {
    honoured: `stat_prefix rds route_config http_filters tracing server_name stream_idle_timeout access_log generate_request_id
      preserve_external_request_id`,
    inert: {
      use_remote_address: "the peer's address is the connection's",
      upgrade_configs: 'an upgrade passes through',
      codec_type: 'the HTTP library decides',
      http_protocol_options: BYTES,
      http2_protocol_options: BYTES,
      http3_protocol_options: BYTES,
      access_log_options: 'lines are written when a request ends',
      access_log_flush_interval: 'lines are written when a request ends',
      drain_timeout: 'nothing is drained when a listener changes',
      delayed_close_timeout: BYTES,
      proxy_100_continue: 'the HTTP library decides',
      stream_error_on_invalid_http_message: 'the HTTP library decides',
      typed_header_validation_config: 'the HTTP library decides',
      represent_ipv4_remote_address_as_ipv4_mapped_ipv6: 'x-forwarded-for is not added to',
      http1_safe_max_connection_duration: BYTES,
      skip_xff_append: 'x-forwarded-for is not added to',
      internal_address_config: 'no address is trusted for being internal',
      append_local_overload: 'the header is always x-envoy-overloaded',
      max_request_headers_kb: 'the HTTP library decides',
    },
    ignored: {
      add_user_agent: LATER,
      common_http_protocol_options: LATER,
      server_header_transformation: "the application's Server header stays",
      scheme_header_transformation: LATER,
      request_timeout: LATER,
      request_headers_timeout: LATER,
      flush_access_log_on_new_request: 'lines are written when a request ends',
      xff_num_trusted_hops: "the peer's address is the connection's",
      original_ip_detection_extensions: "the peer's address is the connection's",
      early_header_mutation_extensions: LATER,
      via: LATER,
      always_set_request_id_in_response: LATER,
      forward_client_cert_details: 'x-forwarded-client-cert is left as it is',
      set_current_client_cert_details: 'x-forwarded-client-cert is left as it is',
      forward_client_cert_matcher: 'x-forwarded-client-cert is left as it is',
      normalize_path: 'paths are taken as they are',
      merge_slashes: 'paths are taken as they are',
      path_with_escaped_slashes_action: 'paths are taken as they are',
      path_normalization_options: 'paths are taken as they are',
      request_id_extension: 'x-request-id is a UUID',
      local_reply_config: "local replies are Envoy's own",
      strip_matching_host_port: 'the Host header is matched as it is',
      strip_any_host_port: 'the Host header is matched as it is',
      strip_trailing_host_dot: 'the Host header is matched as it is',
      proxy_status_config: LATER,
      append_x_forwarded_port: LATER,
      add_proxy_protocol_connection_state: LATER,
      stream_flush_timeout: LATER,
      forward_proto_config: LATER,
    },
    refused: { scoped_routes: 'scoped routes are not followed' },
  },
  [`${HCM}.Rds`]: { honoured: 'route_config_name', inert: { config_source: 'always ADS' } },
  [`${HCM}.HttpFilter`]: {
    honoured: 'name typed_config is_optional disabled',
    byValue: {
      config_discovery: 'ECDS is not followed: a filter that is optional is left out, another is an error',
    },
  },
  [`${HCM}.HttpConnectionManager.Tracing`]: {
    honoured: 'random_sampling',
    inert: { client_sampling: 'x-client-trace-id is not read' },
    byValue: { overall_sampling: 'below 100 it lowers random_sampling' },
    approximated: { provider: 'spans go to the OpenTelemetry API of the process' },
    ignored: {
      verbose: LATER,
      max_path_tag_length: LATER,
      custom_tags: LATER,
      spawn_upstream_span: LATER,
      operation: LATER,
      upstream_operation: LATER,
    },
  },
  'envoy.type.v3.Percent': { honoured: 'value' },

  'envoy.config.accesslog.v3.AccessLog': {
    honoured: 'name typed_config',
    ignored: { filter: 'every request is logged' },
  },
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': {
    honoured: 'path format json_format typed_json_format log_format',
  },
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': { honoured: 'log_format' },
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': { honoured: 'log_format' },
  'envoy.config.core.v3.SubstitutionFormatString': {
    honoured: 'text_format json_format text_format_source',
    inert: { content_type: 'a log has none' },
    ignored: {
      omit_empty_values: 'empty values are written as `-`',
      formatters: "only Envoy's built-in operators are known",
      json_format_options: 'properties stand in the order of the format',
    },
  },
  ...MATCHER_SUPPORT,
})
