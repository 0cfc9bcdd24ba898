// What becomes of the fields of a Cluster (config/cluster/v3) and of the protocol options in it.
import { MATCHER_SUPPORT } from './route-configuration.support.ts'
import { SupportTable } from './support.ts'

const LATER = 'not honoured yet'
const LIBRARY = "connections are the HTTP library's"
const STATISTICS = 'statistics of Envoy only'
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const LB = 'envoy.extensions.load_balancing_policies'

/** Cluster. Its load assignment, if it has one, has a table of its own. */
export const clusterSupport: SupportTable = new SupportTable('Cluster', {
  'envoy.config.cluster.v3.Cluster': {
    honoured: `transport_socket_matches name alt_stat_name type cluster_type eds_cluster_config connect_timeout lb_policy
      load_assignment max_requests_per_connection circuit_breakers common_http_protocol_options http_protocol_options
      http2_protocol_options typed_extension_protocol_options dns_refresh_rate respect_dns_ttl outlier_detection
      least_request_lb_config round_robin_lb_config common_lb_config transport_socket metadata protocol_selection
      load_balancing_policy`,
    inert: {
      per_connection_buffer_limit_bytes: LIBRARY,
      upstream_connection_options: LIBRARY,
      dns_failure_refresh_rate: 'a failed look-up is tried again with back-off',
      dns_jitter: 'look-ups are spread by themselves',
      use_tcp_for_dns_lookups: 'the system resolves names',
      dns_resolution_config: 'the system resolves names',
      typed_dns_resolver_config: 'the system resolves names',
      dns_resolvers: 'the system resolves names',
      wait_for_warm_on_init: 'a route waits for its clusters',
      cleanup_interval: 'endpoints of an original-destination cluster go when idle',
      lrs_server: 'no load is reported',
      lrs_report_endpoint_metrics: 'no load is reported',
      track_timeout_budgets: STATISTICS,
      track_cluster_stats: STATISTICS,
      preconnect_policy: LIBRARY,
      ring_hash_lb_config: 'belongs to lb_policy RING_HASH',
      maglev_lb_config: 'belongs to lb_policy MAGLEV',
      original_dst_lb_config: 'the address that the caller asked for is dialled',
    },
    ignored: {
      health_checks: 'endpoints are not checked actively',
      upstream_http_protocol_options: LATER,
      dns_lookup_family: 'the system decides between IPv4 and IPv6',
      upstream_bind_config: 'the system chooses the source address',
      lb_subset_config: 'every endpoint of the cluster may be chosen',
      close_connections_on_host_health_failure: LATER,
      ignore_health_on_host_removal: 'an endpoint that is removed is gone',
      filters: 'network filters of clusters are not run',
      upstream_config: LATER,
      connection_pool_per_downstream_connection: LATER,
    },
    refused: { transport_socket_matcher: 'the wrong transport socket would be chosen' },
  },
  'envoy.config.cluster.v3.Cluster.TransportSocketMatch': { honoured: 'name match transport_socket' },
  'envoy.config.core.v3.TransportSocket': { honoured: 'name typed_config' },
  'envoy.config.cluster.v3.Cluster.CustomClusterType': { honoured: 'name typed_config' },
  'envoy.extensions.clusters.dns.v3.DnsCluster': {
    honoured: 'dns_refresh_rate respect_dns_ttl all_addresses_in_single_endpoint',
    inert: {
      dns_failure_refresh_rate: 'a failed look-up is tried again with back-off',
      dns_jitter: 'look-ups are spread by themselves',
      typed_dns_resolver_config: 'the system resolves names',
    },
    ignored: { dns_lookup_family: 'the system decides between IPv4 and IPv6' },
  },
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': {
    honoured: 'service_name eds_config',
  },
  'envoy.config.core.v3.ConfigSource': {
    honoured: 'ads self',
    inert: {
      initial_fetch_timeout: 'what has not come after 15 s counts as missing, and may come later',
      resource_api_version: 'always v3',
      authorities: 'there is one control plane',
    },
    refused: {
      path: 'endpoints come over ADS',
      path_config_source: 'endpoints come over ADS',
      api_config_source: 'endpoints come over ADS',
    },
  },
  'envoy.config.core.v3.AggregatedConfigSource': {},
  'envoy.config.core.v3.SelfConfigSource': { inert: { transport_api_version: 'always v3' } },
  'envoy.config.cluster.v3.CircuitBreakers': {
    honoured: 'thresholds',
    ignored: { per_host_thresholds: "limits are the cluster's" },
  },
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds': {
    honoured: 'priority max_connections max_pending_requests max_requests max_retries',
    inert: { track_remaining: STATISTICS, max_connection_pools: LIBRARY },
    ignored: { retry_budget: 'max_retries applies' },
  },
  'envoy.config.cluster.v3.OutlierDetection': {
    honoured: `consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx
      consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors
      consecutive_local_origin_failure enforcing_consecutive_local_origin_failure max_ejection_time`,
    byValue: {
      enforcing_success_rate: 'only 0: success rates eject nobody',
      enforcing_local_origin_success_rate: 'only 0: success rates eject nobody',
      enforcing_failure_percentage: 'only 0: failure percentages eject nobody',
      enforcing_failure_percentage_local_origin: 'only 0: failure percentages eject nobody',
    },
    inert: {
      success_rate_minimum_hosts: 'belongs to enforcing_success_rate',
      success_rate_request_volume: 'belongs to enforcing_success_rate',
      success_rate_stdev_factor: 'belongs to enforcing_success_rate',
      failure_percentage_threshold: 'belongs to enforcing_failure_percentage',
      failure_percentage_minimum_hosts: 'belongs to enforcing_failure_percentage',
      failure_percentage_request_volume: 'belongs to enforcing_failure_percentage',
      successful_active_health_check_uneject_host: 'endpoints are not checked actively',
    },
    ignored: {
      max_ejection_time_jitter: LATER,
      monitors: LATER,
      always_eject_one_host: LATER,
    },
  },
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig': {
    honoured: 'choice_count',
    ignored: { active_request_bias: 'always 1', slow_start_config: 'new endpoints get their whole weight at once' },
  },
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig': {
    ignored: { slow_start_config: 'new endpoints get their whole weight at once' },
  },
  'envoy.config.cluster.v3.Cluster.CommonLbConfig': {
    honoured: 'healthy_panic_threshold',
    inert: {
      update_merge_window: 'changes are applied at once',
      ignore_new_hosts_until_first_hc: 'endpoints are not checked actively',
      consistent_hashing_lb_config: 'belongs to consistent hashing',
    },
    ignored: {
      zone_aware_lb_config: 'zones are not preferred',
      locality_weighted_lb_config: 'localities count by the weights of their endpoints',
      close_connections_on_host_set_change: LATER,
      override_host_status: 'no host is chosen by its address',
    },
  },
  'envoy.type.v3.Percent': { honoured: 'value' },
  'envoy.config.cluster.v3.LoadBalancingPolicy': { honoured: 'policies' },
  'envoy.config.cluster.v3.LoadBalancingPolicy.Policy': { honoured: 'typed_extension_config' },
  'envoy.config.core.v3.TypedExtensionConfig': { honoured: 'name typed_config' },
  [`${LB}.least_request.v3.LeastRequest`]: {
    honoured: 'choice_count',
    ignored: {
      active_request_bias: 'always 1',
      slow_start_config: 'new endpoints get their whole weight at once',
      locality_lb_config: 'localities count by the weights of their endpoints',
      enable_full_scan: 'choice_count endpoints are compared',
      selection_method: 'choice_count endpoints are compared',
    },
  },
  [`${LB}.round_robin.v3.RoundRobin`]: {
    ignored: {
      slow_start_config: 'new endpoints get their whole weight at once',
      locality_lb_config: 'localities count by the weights of their endpoints',
    },
  },
  [`${LB}.random.v3.Random`]: {
    ignored: { locality_lb_config: 'localities count by the weights of their endpoints' },
  },
  [`${LB}.wrr_locality.v3.WrrLocality`]: { honoured: 'endpoint_picking_policy' },

  [HTTP_OPTIONS]: {
    honoured: 'common_http_protocol_options explicit_http_config use_downstream_protocol_config',
    approximated: { auto_config: 'HTTP/1.1 is spoken' },
    inert: { header_validation_config: 'the HTTP library decides' },
    ignored: {
      upstream_http_protocol_options: LATER,
      http_filters: 'filters of clusters are not run',
      outlier_detection: 'statuses from 500 count as errors',
      request_mirror_policies: LATER,
      hash_policy: LATER,
      retry_policy: LATER,
    },
  },
  [`${HTTP_OPTIONS}.ExplicitHttpConfig`]: {
    honoured: 'http_protocol_options http2_protocol_options',
    approximated: { http3_protocol_options: 'HTTP/2 is spoken' },
  },
  [`${HTTP_OPTIONS}.UseDownstreamHttpConfig`]: {
    inert: { http_protocol_options: LIBRARY, http2_protocol_options: LIBRARY, http3_protocol_options: LIBRARY },
  },
  'envoy.config.core.v3.HttpProtocolOptions': {
    honoured: 'idle_timeout max_requests_per_connection',
    inert: { max_headers_count: 'the HTTP library decides', max_response_headers_kb: 'the HTTP library decides' },
    ignored: {
      max_connection_duration: LATER,
      max_stream_duration: 'timeouts of routes apply',
      headers_with_underscores_action: 'such headers pass',
    },
  },
  'envoy.config.core.v3.Http1ProtocolOptions': {
    inert: {
      allow_absolute_url: LIBRARY,
      accept_http_10: LIBRARY,
      default_host_for_http_10: LIBRARY,
      header_key_format: LIBRARY,
      enable_trailers: LIBRARY,
      allow_chunked_length: LIBRARY,
      override_stream_error_on_invalid_http_message: LIBRARY,
      send_fully_qualified_url: LIBRARY,
      use_balsa_parser: LIBRARY,
      allow_custom_methods: LIBRARY,
    },
  },
  'envoy.config.core.v3.Http2ProtocolOptions': {
    inert: {
      hpack_table_size: LIBRARY,
      max_concurrent_streams: LIBRARY,
      initial_stream_window_size: LIBRARY,
      initial_connection_window_size: LIBRARY,
      allow_connect: LIBRARY,
      allow_metadata: LIBRARY,
      max_outbound_frames: LIBRARY,
      max_outbound_control_frames: LIBRARY,
      max_consecutive_inbound_frames_with_empty_payload: LIBRARY,
      max_inbound_priority_frames_per_stream: LIBRARY,
      max_inbound_window_update_frames_per_data_frame_sent: LIBRARY,
      stream_error_on_invalid_http_messaging: LIBRARY,
      override_stream_error_on_invalid_http_message: LIBRARY,
      custom_settings_parameters: LIBRARY,
      connection_keepalive: LIBRARY,
      use_oghttp2_codec: LIBRARY,
      max_metadata_size: LIBRARY,
      enable_huffman_encoding: LIBRARY,
    },
  },
  ...MATCHER_SUPPORT,
})
